// What every route works with, and what the store must bring for it.
import type { Environment } from "@bratsos/workflow-engine";
import { WorkflowEngineError } from "@bratsos/workflow-engine";
import type { Kernel, Persistence, Reader, RunStore } from "@bratsos/workflow-engine/kernel";
import type { Authorize } from "./authorize.ts";
import { EventTail } from "./streams/event-tail.ts";

/** What the API needs of a store; every store of ours has it. */
export interface HttpApiStore {
  readonly reader?: Reader | undefined;
  readonly persistence: Pick<Persistence, "getRunStatus" | "getRun" | "loadArtifact" | "hasArtifact">;
  /** Wakes streams at once; without it they look every `pollIntervalMs`. */
  readonly runStore?: Pick<RunStore, "onSignal"> | undefined;
}

/** Options of `createHttpApi`; those after `authorize` have defaults. */
export interface HttpApiOptions {
  kernel: Kernel;
  store: HttpApiStore;
  /** Says yes or no to each request; nothing is open without it. */
  authorize: Authorize;
  /** Path that all addresses begin with, when the handler sees whole addresses; default none. */
  basePath?: string | undefined;
  /** Bytes of a request's body at most; default 5 MiB. */
  maxBodyBytes?: number | undefined;
  /** Event streams open at the same time at most; default 1,000. */
  maxStreams?: number | undefined;
  /** Milliseconds of silence after which a stream says that it is there; default 15,000. */
  heartbeatMs?: number | undefined;
  /** Milliseconds between two looks for events nobody told of; default 1,000. */
  pollIntervalMs?: number | undefined;
  /** Told of what went wrong on our side, with the id that the caller was given; default: nobody. */
  onError?: ((error: unknown, context: { errorId: string; request: Request }) => void) | undefined;
  /** Told to callers in the OpenAPI document. */
  title?: string | undefined;
}

/** The options with their defaults, and what they share. */
export interface ApiParts {
  readonly kernel: Kernel;
  readonly store: HttpApiStore;
  readonly reader: Reader;
  readonly environment: Environment;
  readonly tail: EventTail;
  readonly authorize: Authorize;
  readonly basePath: string;
  readonly title: string;
  readonly maxBodyBytes: number;
  readonly maxStreams: number;
  readonly heartbeatMs: number;
  readonly onError: NonNullable<HttpApiOptions["onError"]>;
  /** Aborts when the API is closed. */
  readonly closed: AbortSignal;
  close(): void;
}

/** Checks the options and fills in the defaults; throws NOT_CONFIGURED. */
export function partsOf(options: HttpApiOptions): ApiParts {
  const { kernel, store, authorize } = options;
  if (typeof authorize !== "function") {
    throw new WorkflowEngineError(
      "NOT_CONFIGURED",
      "createHttpApi: authorize is missing, and nothing may be open by accident. Pass authorize: bearerToken(secret), or a function of your own.",
    );
  }
  const { reader } = store;
  if (!reader) {
    throw new WorkflowEngineError(
      "NOT_CONFIGURED",
      "createHttpApi: this store has no reader. Pass a store of ours, or one with a `reader`.",
    );
  }
  const { environment } = kernel.work;
  const closing = new AbortController();
  return {
    ...{ kernel, store, reader, environment, authorize },
    tail: new EventTail({ reader, environment, signals: store.runStore, pollIntervalMs: options.pollIntervalMs ?? 1_000 }),
    basePath: `/${options.basePath ?? ""}`.replace(/\/+/g, "/").replace(/\/$/, ""),
    title: options.title ?? "Workflow engine",
    maxBodyBytes: options.maxBodyBytes ?? 5 * 1024 * 1024,
    maxStreams: options.maxStreams ?? 1_000,
    heartbeatMs: options.heartbeatMs ?? 15_000,
    onError: options.onError ?? (() => undefined),
    closed: closing.signal,
    close: () => closing.abort(),
  };
}
