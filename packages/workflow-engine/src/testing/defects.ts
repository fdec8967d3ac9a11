// Stores with one thing broken: the negative controls. A suite that passes on one of these proves nothing about its promise.
import type { MemoryStore } from "../memory/memory-store.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { Changes, Decide, RunStore, Unit } from "../ports/store.ts";
import { replaceRunStore } from "./faults.ts";

/** One deliberate defect, and the promise whose suite has to notice it. */
export interface Defect {
  promise: `P${number}`;
  /** What is broken. */
  name: string;
  apply(store: MemoryStore): MemoryStore;
}

/** A defect of the one door: every unit is carried out by `transact` instead. */
function door(transact: (inner: RunStore, unit: Unit<unknown>) => Promise<unknown>): Defect["apply"] {
  return (store) => override(store, (inner) => ({ transact: (unit) => transact(inner, unit as Unit<unknown>) as Promise<never> }));
}

/** A defect of what rules answer. */
function changed(change: (changes: Changes<unknown>) => Changes<unknown>): Defect["apply"] {
  return door((inner, unit) => inner.transact({ ...unit, decide: (snapshot, now) => change(unit.decide(snapshot, now)) }));
}

function override(store: MemoryStore, methods: (inner: RunStore) => Partial<RunStore>): MemoryStore {
  const inner = store.runStore;
  const broken = methods(inner);
  const runStore = new Proxy(inner, {
    get: (target, property) => {
      const member: unknown = Reflect.get(broken, property) ?? Reflect.get(target, property, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  return replaceRunStore(store, runStore);
}

/** Decides on what was there before the last await: two units of one run see the same counters. */
async function withoutLock(inner: RunStore, unit: Unit<unknown>): Promise<unknown> {
  if (!unit.stage) return inner.transact(unit);
  const seen: Array<Parameters<Decide<unknown>>[0]> = [];
  await inner.transact({
    ...{ runId: unit.runId, stage: unit.stage },
    decide: (snapshot): Changes<null> => {
      seen.push(structuredClone(snapshot));
      return { result: null };
    },
  });
  return inner.transact({
    ...unit,
    decide: (snapshot, now) => unit.decide({ ...snapshot, run: seen[0]?.run ?? snapshot.run }, now),
  });
}

/** Key, effect and result in two commits instead of one. */
async function keyOutside(inner: RunStore, { key, ...unit }: Unit<unknown>): Promise<unknown> {
  const result = await inner.transact(unit);
  if (!key) return result;
  const later: Unit<unknown> = { runId: unit.runId, key: { ...key, mode: "once" }, decide: () => ({ result }) };
  return inner.transact(later);
}

/** The negative controls of the promises that ask for one. */
export const defects: readonly Defect[] = [
  { promise: "P2", name: "the idempotency key is written in a commit of its own", apply: door(keyOutside) },
  { promise: "P4", name: "siblings that settle are decided without the run's lock", apply: door(withoutLock) },
  {
    promise: "P9",
    name: "a rerun opens its stages under the execution ids of before",
    apply: changed(({ open, ...changes }) => ({
      ...changes,
      ...(open && { open: open.map((stage) => ({ ...stage, executionId: `${stage.runId}-${stage.stageId}` })) }),
    })),
  },
  {
    promise: "P13",
    name: "a stage taken from a dead worker keeps its execution's id",
    apply: changed(({ stages, ...changes }) => ({
      ...changes,
      ...(stages && {
        stages: stages.map(({ set, ...stage }) => {
          const { executionId, ...kept } = set;
          return { ...stage, set: set.status === "PENDING" || executionId === undefined ? kept : set };
        }),
      }),
    })),
  },
  {
    promise: "P14",
    name: "nobody looks for workers that died",
    apply: (store) => override(store, () => ({ listStale: async () => [] })),
  },
  {
    promise: "P18",
    name: "a delivery that failed is forgotten",
    apply: (store) => override(store, (inner) => ({ settleEvents: (report) => inner.settleEvents({ ...report, failed: [] }) })),
  },
  {
    promise: "P20",
    name: "a transaction that throws leaves its writes behind",
    apply: (store) => ({
      ...store,
      persistence: new Proxy(store.persistence, {
        get: (target, property) => {
          const member: unknown = Reflect.get(target, property, target);
          if (property === "withTransaction") return (fn: (tx: Persistence) => Promise<unknown>) => fn(target);
          return typeof member === "function" ? member.bind(target) : member;
        },
      }),
    }),
  },
];
