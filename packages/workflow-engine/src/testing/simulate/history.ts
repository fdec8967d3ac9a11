// Lets one history happen, from the first command until nothing moves any more, and looks at what it left.
import type { ProviderResolver } from "../../ai/helper-types.ts";
import type { AnyWorkflow } from "../../define/workflow.ts";
import { type Choices, type FaultKind, writeHistory } from "./choices.ts";
import { createClient, type SimulatedClient } from "./client-process.ts";
import { countNow, readHistory, type SimulatedHistory } from "./finished-history.ts";
import type { Invariant } from "./invariant.ts";
import type { SimulatedStore, StoreSource } from "./simulated-store.ts";
import type { SimulatedCode } from "./watched-workflow.ts";
import { codeOf, startWorker } from "./worker-process.ts";
import { World } from "./world.ts";

/** What all histories of a simulation have in common. */
export interface Scenario {
  workflowOf(code: SimulatedCode<never>): AnyWorkflow;
  outside: () => unknown;
  input: unknown;
  workers: number;
  kinds: readonly FaultKind[];
  script: (client: SimulatedClient) => Promise<unknown>;
  openStore: StoreSource;
  /** Virtual milliseconds after which a history that has not ended never will. */
  maxMs: number;
  invariants: readonly Invariant[];
  providerResolver: ProviderResolver | undefined;
}

/** A promise that a history broke. */
export interface Violation {
  /** Name of the invariant. */
  invariant: string;
  problem: string;
}

/** What one history came to. */
export interface HistoryResult {
  violation: Violation | null;
  history: SimulatedHistory;
  /** Text that replays it. */
  written: string;
  faults: number;
  steps: number;
  virtualMs: number;
  story: readonly string[] | null;
}

/** How long nothing may happen until it is over: longer than every pause between two tries of a delivery. Milliseconds. */
const stillMs = 15_000;
/** A look at the rows costs something: only when time passes. Milliseconds. */
const lookMs = 100;

/** Lets one history happen. */
export async function runHistory(scenario: Scenario, choices: Choices, isTold = false): Promise<HistoryResult> {
  const world = new World(choices, isTold);
  const store = await world.aside(async () => scenario.openStore(world.storeEnvironment()));
  await world.aside(async () => store.migrate?.());
  world.isRemote = store.isRemote ?? false;
  const outside = scenario.outside();
  const workflowOf = (code: SimulatedCode): AnyWorkflow => scenario.workflowOf(code as SimulatedCode<never>);
  const { providerResolver, workers } = scenario;
  for (let place = 1; place <= workers; place++) startWorker(world, { store, outside, workflowOf, providerResolver }, place);
  const startedAt = world.time.now;
  const script = startScript(world, store, scenario, outside, workflowOf);
  const hasEnded = await untilStill(world, store, script, startedAt + scenario.maxMs);
  const workflow = script.workflow;
  const history = await readHistory(world, store, workflow, outside, hasEnded);
  await world.aside(async () => store.close?.());
  return {
    violation: script.error === null ? await check(scenario.invariants, history) : { invariant: "script", problem: script.error },
    history,
    written: writeHistory(choices.taken, choices.isCalm),
    faults: choices.taken.size,
    steps: world.time.steps,
    virtualMs: world.time.now - startedAt,
    story: world.story,
  };
}

interface Script {
  workflow: AnyWorkflow;
  isOver: boolean;
  error: string | null;
}

function startScript(
  world: World,
  store: SimulatedStore,
  scenario: Scenario,
  outside: unknown,
  workflowOf: (code: SimulatedCode) => AnyWorkflow,
): Script {
  const author = world.open("author", false);
  const workflow = workflowOf(codeOf(world, author, outside));
  const script: Script = { workflow, isOver: false, error: null };
  const client = createClient(world, store, workflow, scenario.input);
  scenario
    .script(client)
    .catch((error: unknown) => {
      script.error = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    })
    .finally(() => {
      script.isOver = true;
    });
  return script;
}

/** Lets things happen until nothing but ticks would; false when that takes too long. */
async function untilStill(world: World, store: SimulatedStore, script: Script, deadline: number): Promise<boolean> {
  await world.time.settle();
  for (let countedAt = 0; ; ) {
    const { now } = world.time;
    const next = world.time.next();
    if (next === null || next > deadline) return false;
    const isPause = next - now > lookMs;
    if (isPause && world.changedAt > countedAt) {
      countedAt = now;
      await countNow(world, store);
    }
    const isStill = isPause && script.isOver && world.isStill && next - world.changedAt > stillMs;
    if (isStill && (await isOver(world, store))) return true;
    await world.time.step();
  }
}

function isOver(world: World, store: SimulatedStore): Promise<boolean> {
  return world.aside(async () => {
    for (const status of ["RUNNING", "PENDING", "SUSPENDED"] as const) {
      if ((await store.persistence.getRunsByStatus(status)).length > 0) return false;
    }
    return (await store.persistence.getUnpublishedOutboxEvents(1)).length === 0;
  });
}

async function check(invariants: readonly Invariant[], history: SimulatedHistory): Promise<Violation | null> {
  for (const invariant of invariants) {
    const problem = await problemOf(invariant, history);
    if (problem !== null) return { invariant: invariant.name, problem };
  }
  return null;
}

/** An invariant throws, or says what is wrong; `false` is wrong too. */
async function problemOf({ check: holds }: Invariant, history: SimulatedHistory): Promise<string | null> {
  try {
    const answer = await holds(history);
    if (answer === false) return "it does not hold";
    return typeof answer === "string" ? answer : null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
