// What the measuring process and a worker process tell each other.
import type { Shape } from "../engines/engine.ts";

/** What a worker process is started with. */
export interface WorkerOrder {
  /** URL of the module that exports the engine's `halves`. */
  module: string;
  url: string;
  shapes: readonly Shape[];
  /** Whether timers are counted. */
  isCounting: boolean;
}

/** What a worker process is asked. */
export type Question = "work" | "usage" | "close";

/** What a worker process says: runs that have ended, the answer to the last question, or that it is ready for questions. */
export type Said = { ended: number | readonly string[] } | { answer: WorkerUsage | null } | { error: string };

/** What a worker process has used. */
export interface WorkerUsage {
  cpuUs: number;
  wakeUps: number;
}
