// Ports that fail when told to: before a call took effect, or after it did and nobody heard. What a crash or a lost answer does to a
// caller, at every call it makes (P2, P4, P14).

import { streamOf } from "./seeded.ts";

/** Thrown instead of an answer. */
export class InjectedFault extends Error {
  readonly method: string;

  constructor(method: string, when: FaultTime) {
    super(`Injected fault ${when} ${method}`);
    this.name = "InjectedFault";
    this.method = method;
  }
}

/** `before`: the call did nothing. `after`: it took effect, and its answer was lost. */
export type FaultTime = "before" | "after";

/** One call to a port. `index` counts the calls since the plan was armed, from 1. */
export interface PortCall {
  method: string;
  index: number;
}

/** Decides which calls fail, and counts them. */
export class FaultPlan {
  #calls = 0;
  #isArmed = false;
  #injected = 0;
  readonly #decide: (call: PortCall) => FaultTime | null;

  constructor(decide: (call: PortCall) => FaultTime | null) {
    this.#decide = decide;
  }

  /** Fails the `k`-th call after arming, once. */
  static nth(k: number, when: FaultTime): FaultPlan {
    return new FaultPlan(({ index }) => (index === k ? when : null));
  }

  /** Fails calls at random, before or after they took effect: the same ones for one seed. `rate` of the calls (0.1), `most` at most (10). */
  static seeded(seed: number, { rate = 0.1, most = 10 }: { rate?: number; most?: number } = {}): FaultPlan {
    const random = streamOf("faults", seed);
    let left = most;
    return new FaultPlan(() => {
      const when = random() < 0.5 ? "before" : "after";
      return random() < rate && left-- > 0 ? when : null;
    });
  }

  /** Faults injected so far. */
  get injected(): number {
    return this.#injected;
  }

  /** Calls seen since it was armed. */
  get calls(): number {
    return this.#calls;
  }

  /** Starts counting and failing. */
  arm(): void {
    this.#isArmed = true;
    this.#calls = 0;
  }

  /** Lets every call pass. */
  disarm(): void {
    this.#isArmed = false;
  }

  /** What happens to this call. */
  next(method: string): FaultTime | null {
    if (!this.#isArmed) return null;
    this.#calls++;
    const when = this.#decide({ method, index: this.#calls });
    if (when) this.#injected++;
    return when;
  }
}

/** Methods that are no calls to the outside. */
const passing: ReadonlySet<string> = new Set(["onSignal", "close", "withTransaction"]);

/** The same port, every asynchronous method of which asks the plan first. */
export function faultyPort<T extends object>(port: T, plan: FaultPlan, name: string): T {
  return new Proxy(port, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function" || typeof property !== "string") return member;
      if (property === "withTransaction") return faultyTransaction(target, member as Transaction, plan, name);
      if (passing.has(property)) return member.bind(target);
      return async (...args: unknown[]) => {
        const method = `${name}.${property}`;
        const when = plan.next(method);
        if (when === "before") throw new InjectedFault(method, when);
        const answer: unknown = await member.apply(target, args);
        if (when === "after") throw new InjectedFault(method, when);
        return answer;
      };
    },
  });
}

type Transaction = (fn: (tx: object) => Promise<unknown>) => Promise<unknown>;

/** A transaction's calls fail one by one; a fault in one of them rolls it back, as the store itself would. */
function faultyTransaction(target: object, member: Transaction, plan: FaultPlan, name: string) {
  return async (fn: (tx: object) => Promise<unknown>): Promise<unknown> => {
    const method = `${name}.commit`;
    const answer = await member.call(target, (tx) => fn(faultyPort(tx, plan, `${name}.tx`)));
    if (plan.next(method) !== null) throw new InjectedFault(method, "after");
    return answer;
  };
}

/** The ports of a store that a plan can fail. */
export interface FaultyPorts {
  runStore?: object;
  persistence?: object;
  jobTransport?: object;
  blobStore?: object;
}

/** The same store, whose run store, persistence, job transport and blob store fail as the plan says. */
export function faulty<S extends FaultyPorts>(store: S, plan: FaultPlan): S {
  const wrapped = { ...store } as Record<string, unknown>;
  for (const name of ["persistence", "jobTransport", "blobStore"] as const) {
    const port = store[name];
    if (port) wrapped[name] = faultyPort(port, plan, name);
  }
  return store.runStore ? replaceRunStore(wrapped as S, faultyPort(store.runStore, plan, "store")) : (wrapped as S);
}

/** The same store behind another door: the kernel finds the given run store on its ports. */
export function replaceRunStore<S extends FaultyPorts>(store: S, runStore: object): S {
  const wrapped: Record<string, unknown> = { ...(store as object), runStore };
  for (const name of ["persistence", "jobTransport"] as const) {
    const port = store[name];
    if (port) wrapped[name] = withRunStore(port, runStore);
  }
  return wrapped as S;
}

function withRunStore(port: object, runStore: object): object {
  return new Proxy(port, {
    get: (target, property) => {
      if (property === "runStore") return runStore;
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
    has: (target, property) => property === "runStore" || Reflect.has(target, property),
  });
}
