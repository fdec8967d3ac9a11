// The typed client. It knows the workflows by their types alone, so that a browser needs none of their code:
// `createClient<{ "my-flow": typeof myFlow }>({ baseUrl })` with `import type`.
import type { AnyWorkflow, InferRunInput, InferWorkflowOutput } from "@bratsos/workflow-engine";
import { receiveEvents } from "./event-stream.ts";
import { RunHandle } from "./run-handle.ts";
import { Transport, type TransportOptions } from "./transport.ts";
import type {
  ClientEvent,
  DeadLetter,
  ListRunsOptions,
  Page,
  PageOptions,
  RunCount,
  RunSummary,
  StartOptions,
  WorkflowDescription,
} from "./types.ts";

/** Workflows by name. The name is the workflow's id, unless the workflow itself is given and says otherwise. */
export type ClientWorkflows = Readonly<Record<string, AnyWorkflow>>;

/** Options of `createClient`. */
export interface ClientOptions<W extends ClientWorkflows> extends TransportOptions {
  /** The workflows that can be started; may be left out where their types are given. */
  workflows?: W | undefined;
}

/** Talks to one API. Every method throws ApiError when the API says no. */
export interface WorkflowClient<W extends ClientWorkflows> {
  /** Starts a run, its input and output typed by its workflow. */
  start<N extends keyof W & string>(
    name: N,
    input: InferRunInput<W[N]>,
    options?: StartOptions,
  ): Promise<RunHandle<InferWorkflowOutput<W[N]>>>;
  /** A run that is there, by its id; asks nothing. */
  run<N extends keyof W & string>(name: N, id: string): RunHandle<InferWorkflowOutput<W[N]>>;
  run(id: string): RunHandle;
  listRuns(options?: ListRunsOptions): Promise<Page<RunSummary>>;
  countRuns(): Promise<RunCount[]>;
  listWorkflows(): Promise<WorkflowDescription[]>;
  /** Events of all runs, from now on or behind a cursor, for as long as one listens. Comes again by itself when the connection breaks. */
  events(options?: { after?: string; signal?: AbortSignal }): AsyncGenerator<ClientEvent, void, void>;
  listDeadLetters(options?: PageOptions): Promise<Page<DeadLetter>>;
  /** Answers how many. */
  replayDeadLetters(maxEvents?: number): Promise<number>;
  /** Resolves when the API and its store answer. */
  health(): Promise<void>;
}

/** Creates a client; asks nothing yet. */
export function createClient<W extends ClientWorkflows = Record<string, AnyWorkflow>>(options: ClientOptions<W>): WorkflowClient<W> {
  const transport = new Transport(options);
  const items = async <T>(path: string): Promise<T[]> => (await transport.json<{ items: T[] }>(path)).items;
  return {
    start: (name, input, startOptions = {}) => start(transport, options.workflows?.[name]?.id ?? name, input, startOptions),
    run: (...words: string[]) => new RunHandle(transport, words.at(-1)!) as RunHandle<never>,
    listRuns: ({ signal, createdAfter, createdBefore, ...query } = {}) => {
      const times = { createdAfter: createdAfter?.toISOString(), createdBefore: createdBefore?.toISOString() };
      return transport.json("/runs", { query: { ...query, ...times }, signal });
    },
    countRuns: () => items("/counts"),
    listWorkflows: () => items("/workflows"),
    events: (listening = {}) => allEvents(transport, listening),
    listDeadLetters: ({ signal, ...query } = {}) => transport.json("/dead-letters", { query, signal }),
    replayDeadLetters: async (maxEvents) => {
      const request = { method: "POST", body: { maxEvents } } as const;
      return (await transport.json<{ replayed: number }>("/dead-letters/replay", request)).replayed;
    },
    health: async () => {
      await transport.json("/health");
    },
  };
}

async function start<O>(transport: Transport, workflowId: string, input: unknown, options: StartOptions): Promise<RunHandle<O>> {
  const { idempotencyKey = transport.environment.newId(), startAt, signal, ...rest } = options;
  const { workflowRunId } = await transport.json<{ workflowRunId: string }>("/runs", {
    method: "POST",
    body: { workflowId, input, ...rest, startAt: startAt?.toISOString() },
    headers: { "idempotency-key": idempotencyKey },
    isSafe: true,
    signal,
  });
  return new RunHandle<O>(transport, workflowRunId);
}

async function* allEvents(
  transport: Transport,
  { after, signal }: { after?: string; signal?: AbortSignal },
): AsyncGenerator<ClientEvent, void, void> {
  const request = { path: "/events", lastEventId: after ?? null, signal };
  for await (const { id, event } of receiveEvents(transport, request)) yield { ...event, cursor: id } as ClientEvent;
}
