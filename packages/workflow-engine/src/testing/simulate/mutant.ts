// What a deliberate defect is, and short ways to make one. It stands between a worker and its store, where a mistake in a rule or a statement
// would show, and every call it makes is one that a crash may follow.

import type { Ledger } from "../../ports/ledger.ts";
import type { Changes, Decide, RunStore, StageState } from "../../ports/store.ts";
import type { SimulatedStore } from "./simulated-store.ts";

/** One deliberate defect. */
export interface Mutant {
  readonly name: string;
  /** Name of the corpus entry that shows it. */
  readonly shownBy: string;
  /** Called once a history; what it returns wraps the door of each process. */
  sabotage(store: SimulatedStore): (door: RunStore) => RunStore;
  /** The same for the ledger. */
  cheat?(): (ledger: Ledger) => Ledger;
}

/** Methods of a door that a defect replaces. */
export type Methods = { [K in keyof RunStore]?: RunStore[K] };

/** A door with some methods replaced. */
export function withMethods<T extends object>(door: T, methods: { [K in keyof T]?: T[K] }): T {
  return new Proxy(door, {
    get: (target, property) => Reflect.get(methods, property) ?? Reflect.get(target, property, target),
  });
}

/** A defect of some methods of the door. */
export const doorMutant = (name: string, shownBy: string, methodsOf: (door: RunStore) => Methods): Mutant => ({
  name,
  shownBy,
  sabotage: () => (door) => withMethods(door, methodsOf(door)),
});

/** A defect of what rules answer, wherever they are asked. */
export function ruleMutant(name: string, shownBy: string, change: (changes: Changes<unknown>, now: number) => Changes<unknown>): Mutant {
  const changed =
    <R>(decide: Decide<R>): Decide<R> =>
    (snapshot, now) =>
      change(decide(snapshot, now), now) as Changes<R>;
  return doorMutant(name, shownBy, (door) => ({
    transact: (unit) => door.transact({ ...unit, decide: changed(unit.decide) }),
    claimRuns: (options, decide) => door.claimRuns(options, changed(decide)),
  }));
}

/** A defect of the changes of one stage. */
export const stageMutant = (name: string, shownBy: string, change: (set: Partial<StageState>) => Partial<StageState>): Mutant =>
  ruleMutant(name, shownBy, (changes) => {
    if (!changes.stages) return changes;
    return { ...changes, stages: changes.stages.map((stage) => ({ ...stage, set: change(stage.set) })) };
  });

/** A defect of some methods of the ledger. */
export const ledgerMutant = (
  name: string,
  shownBy: string,
  methodsOf: (ledger: Ledger) => { [K in keyof Ledger]?: Ledger[K] },
): Mutant => ({
  name,
  shownBy,
  sabotage: () => (door) => door,
  cheat: () => (ledger) => withMethods(ledger, methodsOf(ledger)),
});
