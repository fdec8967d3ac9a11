// The client's clock and timers: the real ones, but for timers that keep a process alive, since a script that waits for a result has
// nothing else that does.
import { realEnvironment } from "@bratsos/workflow-engine/client";

/** What a client needs of the world. */
export interface ClientEnvironment {
  /** Calls `fire` once after `ms` milliseconds; the answer cancels it. */
  setTimer(ms: number, fire: () => void): () => void;
  /** A fresh id. */
  newId(): string;
}

/** The real world. */
export const clientEnvironment: ClientEnvironment = {
  newId: () => realEnvironment.newId(),
  setTimer: (ms, fire) => {
    const handle = setTimeout(fire, ms);
    return () => clearTimeout(handle);
  },
};

/** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts. */
export function pause({ setTimer }: ClientEnvironment, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = setTimer(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
