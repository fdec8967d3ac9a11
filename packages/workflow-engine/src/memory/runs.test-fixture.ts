// What the tests of this room share: a store on a clock they move, and short ways to put runs and stages into it.
import { realEnvironment } from "../environment.ts";
import type { Changes, Instance, NewRun, RunState, RunStore, StageState } from "../ports/store.ts";
import { createMemoryStore, type MemoryStore } from "./memory-store.ts";

/** Where the fixture's clock starts. */
export const START = 1_000_000;

/** An instance that takes jobs. */
export const instance: Instance = { id: "i1", workerId: "worker" };

/** A store, its clock, and ways to fill it. */
export interface RunFixture {
  /** Milliseconds; tests move it. */
  now: number;
  readonly whole: MemoryStore;
  readonly store: RunStore;
  create(runId: string, fields?: Partial<NewRun>): Promise<null>;
  change(runId: string, changes: Partial<Changes<null>>): Promise<null>;
  /** Creates run r1, RUNNING, with these stages open. */
  start(...stages: StageState[]): Promise<void>;
  look(runId: string, stageId?: string): Promise<{ run: RunState | null; stage: StageState | null; stages: StageState[] }>;
}

/** A run of workflow `w`, due at once. */
export const newRun: NewRun = {
  workflowId: "w",
  workflowName: "W",
  workflowVersion: "1",
  priority: 5,
  startAt: null,
  input: '{"a":1}',
  config: "{}",
  metadata: null,
  parentRunId: null,
};

/** A stage of run r1, PENDING and due at the fixture's start. */
export function stage(stageId: string, fields: Partial<StageState> = {}): StageState {
  const identity = { runId: "r1", stageId, item: 0, name: stageId.toUpperCase(), number: 1, group: 1, executionId: `x-${stageId}` };
  const tries = { status: "PENDING" as const, attempt: 0, maxAttempts: 3, lease: null, waitReason: null, error: null };
  const waits = { readyAt: START, pollAt: null, pollIntervalMs: null, maxWaitUntil: null, pollFailures: 0 };
  return { ...identity, ...tries, ...waits, startedAt: null, completedAt: null, ...fields };
}

/** An empty store whose clock stands at START. */
export function createFixture(): RunFixture {
  const whole = createMemoryStore({ environment: { ...realEnvironment, now: () => fixture.now } });
  const { runStore } = whole;
  const fixture: RunFixture = {
    now: START,
    whole,
    store: runStore,
    create: (runId, fields) => {
      const events = [{ type: "workflow:created", workflowId: "w" } as const];
      return runStore.transact({ runId, decide: () => ({ result: null, create: { ...newRun, ...fields }, events }) });
    },
    change: (runId, changes) => runStore.transact({ runId, decide: () => ({ result: null, ...changes }) }),
    start: async (...stages) => {
      await fixture.create("r1");
      await fixture.change("r1", { run: { status: "RUNNING", group: 1, open: stages.length, queuedAt: null }, open: stages });
    },
    look: (runId, stageId = "a") =>
      runStore.transact({
        runId,
        stage: { stageId, item: 0 },
        decide: (snapshot) => ({
          result: { run: snapshot.run, stage: snapshot.stage, stages: snapshot.stages ?? [] },
          ...(snapshot.stages ? {} : { need: "stages" as const }),
        }),
      }),
  };
  return fixture;
}
