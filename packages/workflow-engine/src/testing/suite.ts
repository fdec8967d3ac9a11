// What a conformance suite is made of: promises as data. A case gets a Bench, which stands for one store, and throws when the
// store, or the engine on it, breaks the promise.
import type { Bench, Capability, DriverName } from "./bench.ts";

/** A promise of the engine, by its number; `port` for what a port's own contract says. */
export type PromiseId = `P${number}` | "port";

/** One claim about the engine on a store. */
export interface SuiteCase {
  promise: PromiseId;
  name: string;
  requires?: readonly Capability[];
  /** What `bench.drive` does; "commands" when absent. */
  driver?: DriverName;
  run(bench: Bench): Promise<void>;
}

/** Cases about one subject. */
export interface Suite {
  name: string;
  cases: readonly SuiteCase[];
}

/** What a case may say beside its name. */
export interface CaseOptions {
  requires?: readonly Capability[];
  driver?: DriverName;
}

/** A case of one promise. */
export function claim(promise: PromiseId, name: string, run: (bench: Bench) => Promise<void>, options: CaseOptions = {}): SuiteCase {
  return { promise, name, run, ...options };
}

/** The same case twice: driven by plain commands, and by a host. */
export function bothWays(promise: PromiseId, name: string, run: (bench: Bench) => Promise<void>, options: CaseOptions = {}): SuiteCase[] {
  return (["commands", "host"] as const).map((driver) => ({ promise, name: `${name} [${driver}]`, run, ...options, driver }));
}
