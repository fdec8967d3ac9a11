// One run, from a client's side.
import { RunFailedError } from "./api-error.ts";
import { pause } from "./client-environment.ts";
import { receiveEvents } from "./event-stream.ts";
import type { Transport } from "./transport.ts";
import type { Attempt, ClientEvent, LogLine, Page, PageOptions, RunDetail, Status } from "./types.ts";

const ended: ReadonlySet<Status> = new Set(["COMPLETED", "FAILED", "CANCELLED", "SKIPPED"]);
const SETTLE_MS = 250;

interface Signalled {
  signal?: AbortSignal | undefined;
}

/** A run; its output has the type of its workflow's. */
export class RunHandle<TOutput = unknown> {
  readonly id: string;
  readonly #transport: Transport;
  readonly #path: string;

  constructor(transport: Transport, id: string) {
    this.id = id;
    this.#transport = transport;
    this.#path = `/runs/${encodeURIComponent(id)}`;
  }

  /** Tells of the run: stages, attempts, artifacts, cost. */
  detail({ signal }: Signalled = {}): Promise<RunDetail> {
    return this.#transport.json(this.#path, { signal });
  }

  /** Waits until the run has ended and gives its output; throws RunFailedError when it failed or was cancelled. */
  async result({ signal }: Signalled = {}): Promise<TOutput> {
    for (;;) {
      const { status, output, error } = await this.#output(signal);
      if (status === "COMPLETED") return output;
      if (ended.has(status)) throw new RunFailedError(this.id, status, error);
      for await (const _ of this.events({ signal })) {
        // the end of the stream is all that is waited for
      }
      // a run that was opened again has ended only for its stream
      if (!ended.has((await this.#output(signal)).status)) await pause(this.#transport.environment, SETTLE_MS, signal);
    }
  }

  /** Tells the run's events, from the first or behind `after`, until it has ended. Comes again by itself when the connection breaks. */
  async *events({ after = 0, signal }: Signalled & { after?: number } = {}): AsyncGenerator<ClientEvent, void, void> {
    const request = { path: `${this.#path}/events`, query: { until: "ended" }, lastEventId: String(after), signal };
    for await (const { id, event } of receiveEvents(this.#transport, request)) yield { ...event, cursor: id } as ClientEvent;
  }

  /** Lists log lines, oldest first. */
  logs({ signal, ...query }: PageOptions = {}): Promise<Page<LogLine>> {
    return this.#transport.json(`${this.#path}/logs`, { query, signal });
  }

  /** Lists attempts, of one stage or of all. */
  async attempts({ signal, stageId }: Signalled & { stageId?: string } = {}): Promise<Attempt[]> {
    return (await this.#transport.json<{ items: Attempt[] }>(`${this.#path}/attempts`, { query: { stageId }, signal })).items;
  }

  /** Gives the data of an artifact. */
  async artifact(key: string, { signal }: Signalled = {}): Promise<unknown> {
    return (await this.#transport.json<{ data: unknown }>(`${this.#path}/artifacts/${encodeURIComponent(key)}`, { signal })).data;
  }

  /** Cancels the run; false when it had ended. */
  async cancel(reason?: string): Promise<boolean> {
    const request = { method: "POST", body: { reason }, isSafe: true } as const;
    return (await this.#transport.json<{ cancelled: boolean }>(`${this.#path}/cancel`, request)).cancelled;
  }

  /** Runs the ended run again from a stage; answers the stages that were forgotten. */
  async rerun(fromStageId: string, { idempotencyKey = this.#transport.environment.newId() } = {}): Promise<string[]> {
    const headers = { "idempotency-key": idempotencyKey };
    const request = { method: "POST", body: { fromStageId }, headers, isSafe: true } as const;
    return (await this.#transport.json<{ deletedStages: string[] }>(`${this.#path}/rerun`, request)).deletedStages;
  }

  /** Deletes the ended run. */
  async delete(): Promise<void> {
    await this.#transport.json(this.#path, { method: "DELETE" });
  }

  #output(signal: AbortSignal | undefined): Promise<{ status: Status; output: TOutput; error: string | null }> {
    return this.#transport.json(`${this.#path}/output`, { signal });
  }
}
