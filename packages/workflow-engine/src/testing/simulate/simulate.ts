// simulate(): thousands of histories of a workflow, each with another order of events and other faults, on the real engine in virtual time.
// After each the engine's promises and the caller's own are checked; the first history that breaks one is shrunk and told.
import type { ProviderResolver } from "../../ai/helper-types.ts";
import type { AnyWorkflow } from "../../define/workflow.ts";
import { Choices, type FaultKind, faultKinds } from "./choices.ts";
import type { SimulatedClient } from "./client-process.ts";
import type { SimulatedHistory } from "./finished-history.ts";
import { type HistoryResult, runHistory, type Scenario, type Violation } from "./history.ts";
import type { InvariantAnswer } from "./invariant.ts";
import { engineInvariants } from "./invariants.ts";
import { shrink } from "./shrink.ts";
import { type StoreName, type StoreSource, storeSources } from "./simulated-store.ts";
import type { SimulatedCode } from "./watched-workflow.ts";

/** Options of `simulate`. */
export interface SimulateOptions<W> {
  /** Input of the run that is created, unless `script` does otherwise. */
  input?: unknown;
  /** How many histories, seeds 1 and up; default 1,000. */
  seeds?: number | undefined;
  /** Only this seed. */
  seed?: number | undefined;
  /** Only this history, as a failure prints it. */
  history?: string | undefined;
  /** What may go wrong; default everything. */
  faults?: readonly FaultKind[] | undefined;
  /** What must be so after every history, by name, beside the engine's own promises. One that throws or answers a text or false is broken. */
  invariants?: Readonly<Record<string, (history: SimulatedHistory<W>) => InvariantAnswer | Promise<InvariantAnswer>>> | undefined;
  /** Makes what lies outside the engine, e.g. a bank, anew for each history. */
  outside?: (() => W) | undefined;
  /** What the client does; default creates one run. */
  script?: ((client: SimulatedClient) => Promise<unknown>) | undefined;
  /** Makes the models of `ctx.ai`, e.g. those of `createMockProvider(...).resolver`; their requests are calls to the outside. */
  providerResolver?: ProviderResolver | undefined;
  /** Worker processes at a time; default 3. */
  workers?: number | undefined;
  /** Default "memory". */
  store?: StoreName | StoreSource | undefined;
  /** Virtual milliseconds until a run that has not ended counts as one that never will; default 6 hours. */
  maxMs?: number | undefined;
}

/** What a simulation came to when every history kept every promise. */
export interface SimulationReport {
  histories: number;
  /** Faults injected in all of them. */
  faults: number;
  /** Things that happened: messages, answers, timers. */
  steps: number;
  /** Virtual time that passed in all of them. */
  virtualMs: number;
}

/** Thrown by `simulate` for the first history that breaks a promise. */
export class SimulationError extends Error {
  readonly seed: number;
  /** Replays the shortest failing history, with the seed. */
  readonly history: string;
  /** Name of the invariant that does not hold. */
  readonly invariant: string;
  readonly problem: string;
  /** Histories until it was found. */
  readonly histories: number;
  /** What happened in the shortest failing history, line by line. */
  readonly story: readonly string[];

  constructor(violation: Violation, found: { seed: number; history: string; histories: number; story: readonly string[] }) {
    super(tellFailure(violation, found));
    this.name = "SimulationError";
    this.invariant = violation.invariant;
    this.problem = violation.problem;
    this.seed = found.seed;
    this.history = found.history;
    this.histories = found.histories;
    this.story = found.story;
  }
}

/**
 * Simulates a workflow; rejects with SimulationError when a history breaks a promise, with the shortest one found and how to replay it.
 * The workflow may be a function of what its code can ask of the simulated world: it is then made anew in every worker process.
 *
 * ```ts
 * await simulate(invoices, { input: { month: 3 }, seeds: 2000 });
 * ```
 */
export async function simulate<W = undefined>(
  workflow: AnyWorkflow | ((code: SimulatedCode<W>) => AnyWorkflow),
  options: SimulateOptions<W> = {},
): Promise<SimulationReport> {
  const scenario = scenarioOf(workflow, options);
  const report: SimulationReport = { histories: 0, faults: 0, steps: 0, virtualMs: 0 };
  const first = options.seed ?? 1;
  const last = options.seed === undefined && options.history === undefined ? (options.seeds ?? 1_000) : first;
  for (let seed = first; seed <= last; seed++) {
    const choices = new Choices(seed, scenario.kinds, options.history);
    const result = await runHistory(scenario, choices);
    report.histories++;
    report.faults += result.faults;
    report.steps += result.steps;
    report.virtualMs += result.virtualMs;
    if (result.violation) throw await explain(scenario, choices, result, report.histories);
  }
  return report;
}

function scenarioOf<W>(workflow: AnyWorkflow | ((code: SimulatedCode<W>) => AnyWorkflow), options: SimulateOptions<W>): Scenario {
  const { input, workers = 3, faults = faultKinds, store = "memory", maxMs = 6 * 60 * 60_000, outside, script, invariants = {} } = options;
  const own = Object.entries(invariants).map(([name, check]) => ({
    name,
    check: (history: SimulatedHistory) => check(history as SimulatedHistory<W>),
  }));
  return {
    workflowOf: typeof workflow === "function" ? (code) => workflow(code as SimulatedCode<W>) : () => workflow,
    outside: outside ?? (() => undefined),
    input: input ?? {},
    workers,
    kinds: faults,
    script: script ?? ((client) => client.create()),
    openStore: typeof store === "string" ? storeSources[store] : store,
    maxMs,
    providerResolver: options.providerResolver,
    invariants: [...own, ...engineInvariants],
  };
}

/** Shrinks a failing history and tells it. */
async function explain(scenario: Scenario, choices: Choices, failed: HistoryResult, histories: number): Promise<SimulationError> {
  const violation = failed.violation!;
  const isSame = (result: HistoryResult): boolean => result.violation?.invariant === violation.invariant;
  const shortest = await shrink(choices, scenario.kinds, async (tried) => isSame(await runHistory(scenario, tried)));
  const told = await runHistory(scenario, new Choices(choices.seed, scenario.kinds, shortest), true);
  const story = told.story ?? [];
  return new SimulationError(told.violation ?? violation, { seed: choices.seed, history: shortest, histories, story });
}

const longestStory = 80;

function tellFailure(
  { invariant, problem }: Violation,
  { seed, history, histories, story }: { seed: number; history: string; histories: number; story: readonly string[] },
): string {
  const left = Math.max(0, story.length - longestStory);
  return [
    `Seed ${seed} breaks "${invariant}": ${problem}`,
    `Found after ${histories} ${histories === 1 ? "history" : "histories"}. The shortest history that breaks it ("!" marks what went wrong):`,
    "",
    ...story.slice(0, longestStory / 2),
    ...(left > 0 ? [`           ... ${left} lines ...`] : []),
    ...story.slice(Math.max(longestStory / 2, story.length - longestStory / 2)),
    "",
    `Replay it with simulate(workflow, { ..., seed: ${seed}, history: ${JSON.stringify(history)} })`,
  ].join("\n");
}
