// Rows that the suites of the ports put into a store: short ways to make runs and stages through the CRUD port and through the door.
import type { CreateRunInput, RunRecord } from "../ports/run.ts";
import type { CreateStageInput, StageRecord } from "../ports/stage.ts";
import type { Changes, Decide, Instance, NewRun, StageState } from "../ports/store.ts";
import type { Bench } from "./bench.ts";
import { expectPresent } from "./claims.ts";

/** A run of workflow `w` through the CRUD port. */
export function putRun({ store }: Bench, input: Partial<CreateRunInput> = {}): Promise<RunRecord> {
  return store.persistence.createRun({ workflowId: "w", workflowName: "W", workflowType: "w", input: { n: 1 }, config: {}, ...input });
}

/** A stage of a run through the CRUD port: number 1 of group 1 unless told otherwise. */
export function putStage(
  { store }: Bench,
  workflowRunId: string,
  stageId: string,
  input: Partial<CreateStageInput> = {},
): Promise<StageRecord> {
  const place = { stageName: `Stage ${stageId}`, stageNumber: 1, executionGroup: 1 };
  return store.persistence.createStage({ workflowRunId, stageId, ...place, ...input });
}

/** A process that takes jobs. */
export const instance: Instance = { id: "instance-1", workerId: "worker" };

/** Another one. */
export const rival: Instance = { id: "instance-2", workerId: "rival" };

/** A run of workflow `w` as the door takes it. */
export const newRun: NewRun = {
  ...{ workflowId: "w", workflowName: "W", workflowVersion: "1", priority: 5, startAt: null, metadata: null, parentRunId: null },
  input: '{"n":1}',
  config: "{}",
};

/** A PENDING stage that is due at once. */
export function newStage(bench: Bench, runId: string, stageId: string, fields: Partial<StageState> = {}): StageState {
  const identity = { runId, stageId, item: 0, name: `Stage ${stageId}`, number: 1, group: 1, executionId: `execution-${runId}-${stageId}` };
  const waits = {
    waitReason: null,
    readyAt: bench.environment.now(),
    pollAt: null,
    pollIntervalMs: null,
    maxWaitUntil: null,
    pollFailures: 0,
  };
  const times = { startedAt: null, completedAt: null, error: null };
  return { ...identity, status: "PENDING", attempt: 0, maxAttempts: 3, lease: null, ...waits, ...times, ...fields };
}

/** Changes a run through the door. */
export function change(bench: Bench, runId: string, changes: Omit<Partial<Changes<null>>, "result">): Promise<null> {
  return decide(bench, runId, () => ({ result: null, ...changes }));
}

/** Decides on a run through the door. */
export function decide<R>(bench: Bench, runId: string, rule: Decide<R>, stageId?: string): Promise<R> {
  const stage = stageId === undefined ? {} : { stage: { stageId, item: 0 } };
  return bench.pass(bench.store.runStore.transact({ runId, ...stage, decide: rule }));
}

/** Creates a run through the door. */
export async function openRun(bench: Bench, runId: string, fields: Partial<NewRun> = {}): Promise<void> {
  await change(bench, runId, { create: { ...newRun, ...fields }, events: [{ type: "workflow:created", workflowId: "w" }] });
}

/** Creates a RUNNING run with these stages open, each by its id or in full. */
export async function startRun(
  bench: Bench,
  runId: string,
  stages: ReadonlyArray<string | StageState>,
  fields: Partial<NewRun> = {},
): Promise<void> {
  await openRun(bench, runId, fields);
  const open = stages.map((stage) => (typeof stage === "string" ? newStage(bench, runId, stage) : stage));
  const startedAt = bench.environment.now();
  await change(bench, runId, { run: { status: "RUNNING", group: 1, open: open.length, queuedAt: null, startedAt }, open });
}

/** Every stage of a run as a rule sees it, and the run. */
export function look(bench: Bench, runId: string) {
  return decide(bench, runId, ({ run, stages }) => ({
    result: { run: expectPresent(run, `run ${runId}`), stages: stages ?? [] },
    ...(stages ? {} : { need: "stages" as const }),
  }));
}
