// Ctrl-C: the first asks to stop in order, the second stops at once.
import { exitCode } from "./usage-error.ts";

/** Whether somebody asked to stop. */
export interface Interrupt {
  readonly isRaised: boolean;
  /** Resolves when somebody asks. */
  readonly raised: Promise<void>;
  /** Gives the signals back. */
  dispose(): void;
}

const signals = ["SIGINT", "SIGTERM"] as const;

/** Takes over SIGINT and SIGTERM until disposed of. */
export function listenForInterrupt(): Interrupt {
  let isRaised = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onSignal = (): void => {
    if (isRaised) process.exit(exitCode.interrupted);
    isRaised = true;
    resolve();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    get isRaised() {
      return isRaised;
    },
    raised: promise,
    dispose: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
