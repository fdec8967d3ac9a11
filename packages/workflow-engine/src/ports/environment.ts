// Time, timers and randomness, injected under everything (settled question 8), so that the whole engine runs in simulated time.

/** The current instant, as the public `clock` port of `createKernel`. */
export interface Clock {
  now(): Date;
}

/** Everything the engine needs of the world that is not a port of its own. */
export interface Environment {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `fire` once after `ms` milliseconds; the answer cancels it. Never keeps a process alive by itself. */
  setTimer(ms: number, fire: () => void): () => void;
  /** Calls `run` after what this turn of the event loop already holds: what arrives in one turn rides one batch. */
  defer(run: () => void): void;
  /** Keeps the process alive until the answer is called; absent where there is no process to keep. */
  keepAlive?(): () => void;
  /** A number in [0, 1). */
  random(): number;
  /** A fresh id, ordered by time (UUID version 7, RFC 9562 section 5.7). */
  newId(): string;
}

/** Resolves after `ms` milliseconds, or at once when `signal` aborts; never rejects. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;
