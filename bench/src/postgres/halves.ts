// An engine on PostgreSQL has two halves in processes of their own: the starter, which is the measuring process, and the workers.
import type { Shape } from "../engines/engine.ts";

/** What both halves are given. */
export interface HalfOptions {
  /** Connection string of a database that belongs to this measurement. */
  url: string;
  shapes: readonly Shape[];
}

/** The half that starts runs. */
export interface Starter {
  /** Starts a run; resolves when the start is durable. */
  start(shape: Shape): Promise<void>;
  /** Runs the database says have completed. */
  countCompleted(): Promise<number>;
  close(): Promise<void>;
}

/** What a worker is given besides. */
export interface WorkerOptions extends HalfOptions {
  /**
   * To be told, after the commit, of runs that have ended: how many (a bare job is a third of one), or their ids where several workers may
   * tell of the same run.
   */
  ended(runs: number | readonly string[]): void;
}

/** The half that works; connected, not yet working. */
export interface Worker {
  work(): Promise<void>;
  close(): Promise<void>;
}

/** Both halves of an engine. */
export interface Halves {
  /** Opens the starter, whose first opening makes the tables. */
  openStarter(options: HalfOptions): Promise<Starter>;
  openWorker(options: WorkerOptions): Promise<Worker>;
}
