// What an invariant is: a question to a history that is over, named by the promise it stands for.
import type { SimulatedHistory, SimulatedRun } from "./finished-history.ts";

/** What an invariant answers: nothing, or true, when it holds; what is wrong, or false, when it does not. It may throw, too. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that only throws has no answer to return
export type InvariantAnswer = string | boolean | null | undefined | void;

/** Says what is wrong with one run; null when nothing is. */
export type LookAtRun = (run: SimulatedRun, history: SimulatedHistory) => string | null;

/** Something that must be so after every history. */
export interface Invariant {
  /** Named by its promise. */
  readonly name: string;
  check(history: SimulatedHistory): InvariantAnswer | Promise<InvariantAnswer>;
}
