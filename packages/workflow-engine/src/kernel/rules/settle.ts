// A stage execution ends: completed, failed, to be retried, or suspended. With `advances` the next group opens in the same commit (P4).
import type { WorkflowPlan } from "../../define/plan.ts";
import type { DraftEvent } from "../../ports/event.ts";
import type {
  ArtifactRow,
  Changes,
  Decide,
  ExecutionRef,
  JsonText,
  LogRow,
  StageChange,
  StagePayloads,
  StageState,
} from "../../ports/store.ts";
import { closeGroup, failRun, needsOutputs, type Onward, type OnwardChanges } from "./advance.ts";
import { attemptOf } from "./attempt.ts";
import { type Held, heldBy } from "./fence.ts";
import { hold } from "./hold.ts";
import type { Taker } from "./open-group.ts";

/** How user code ended. */
export type Outcome =
  | { kind: "completed"; output: JsonText; metrics: JsonText | null; embeddings?: JsonText | null; artifacts: ArtifactRow[] }
  | { kind: "suspended"; state: JsonText; metrics: JsonText | null; nextPollAt: number; pollIntervalMs: number; maxWaitUntil: number }
  | { kind: "held"; state: JsonText; reason: string; event: DraftEvent }
  | { kind: "failed"; error: string; isRetryable: boolean; delayMs: number };

/** Who tries again after a failure (settled question 3). */
export type RetryOwner = "engine" | "caller" | "nobody";

/** What a settling execution knows. */
export interface SettleOptions {
  plan: WorkflowPlan;
  ref: ExecutionRef;
  outcome: Outcome;
  /** The stage is RUNNING under this execution, or SUSPENDED and being polled under it. */
  from: "RUNNING" | "SUSPENDED";
  retry: RetryOwner;
  /** True when the next group opens, or the run ends, in this commit. */
  advances: boolean;
  taker: Taker | null;
  /** Log lines and progress not written yet. */
  logs: LogRow[];
  progress: DraftEvent[];
  checkOutput?: ((output: JsonText) => string | null) | undefined;
}

/** What became of the execution; `discarded` when it had lost its stage, and nothing was written (P13). */
export interface Settled extends Onward {
  outcome: "completed" | "suspended" | "held" | "retrying" | "failed" | "discarded";
  /** When the stage is looked at again, when it waits. */
  wakeAt: number | null;
}

const discarded: Settled = { outcome: "discarded", wakeAt: null, advance: "waiting", handed: [], outputs: null };
const waiting: Onward = { advance: "waiting", handed: [], outputs: null };

/** Ends an execution that still holds its stage. */
export function settle(options: SettleOptions): Decide<Settled> {
  return (snapshot, now) => {
    const held = heldBy(options.ref, options.from, snapshot);
    if (!held) return { result: discarded };
    const changes = decideOutcome(options, held, snapshot, now);
    if (changes.need) return changes;
    changes.logs = options.logs;
    if (options.progress.length > 0) changes.events = [...options.progress, ...(changes.events ?? [])];
    return changes;
  };
}

type Seen = Parameters<Decide<unknown>>[0];

function decideOutcome(options: SettleOptions, held: Held, snapshot: Seen, now: number): Changes<Settled> {
  const { outcome } = options;
  if (outcome.kind === "completed") return complete(options, outcome, held, snapshot, now);
  if (outcome.kind === "suspended") return suspend(outcome, held, snapshot.freshId, now);
  if (outcome.kind === "held") return hold(outcome, held, snapshot.freshId, now);
  const mayRetry = outcome.isRetryable && options.retry !== "nobody" && held.stage.attempt < held.stage.maxAttempts;
  return mayRetry ? retry(options, outcome, held, snapshot.freshId, now) : fail(options, outcome.error, held, snapshot, now);
}

function complete(
  options: SettleOptions,
  outcome: Extract<Outcome, { kind: "completed" }>,
  { run, stage }: Held,
  snapshot: Seen,
  now: number,
): Changes<Settled> {
  const left = { open: run.open - 1, suspended: run.suspended - (options.from === "SUSPENDED" ? 1 : 0) };
  const payloads: StagePayloads = { output: outcome.output, metrics: outcome.metrics };
  if (outcome.embeddings) payloads.embeddings = outcome.embeddings;
  if (options.progress.length > 0) Object.assign(payloads, lastProgress(options.progress));
  const set = { status: "COMPLETED" as const, completedAt: now, error: null, waitReason: null, readyAt: null, pollAt: null };
  const stages = [{ stageId: stage.stageId, item: stage.item, set, payloads }];
  const done: DraftEvent = {
    type: "stage:completed",
    stageId: stage.stageId,
    stageName: stage.name,
    duration: now - (stage.startedAt ?? now),
  };
  const onward = left.open === 0 ? closing(options, run, left, snapshot, now, outcome.output) : stillOpen(left, stage, snapshot);
  if (onward === "outputs" || onward === "stages") return { result: discarded, need: onward };
  return merge("completed", stages, done, onward, outcome.artifacts);
}

/** What of the group has not ended, with which its run goes on. */
type Left = Pick<Held["run"], "open" | "suspended">;

/** The last stage of the group has ended: go on now, or leave a mark for run.transition. */
function closing(
  options: SettleOptions,
  run: Held["run"],
  left: Left,
  snapshot: Seen,
  now: number,
  output: JsonText | null,
): OnwardChanges | "outputs" {
  if (!options.advances) return marked(left, now);
  const { plan, taker, checkOutput } = options;
  const group = plan.getGroup(run.group);
  const isAlone = group?.stages.length === 1 && output !== null;
  if (group && !isAlone && run.error === null && !snapshot.outputs && needsOutputs(plan, group, taker)) return "outputs";
  const own = output === null ? undefined : { [options.ref.stageId]: output };
  const outputs = isAlone ? own : snapshot.outputs && { ...snapshot.outputs, ...own };
  return closeGroup({ plan, run, now, freshId: snapshot.freshId, taker, outputs, checkOutput });
}

/** The run waits for run.transition. */
function marked({ open, suspended }: Left, now: number): OnwardChanges {
  return { ...waiting, run: { open, suspended, transitionAt: now }, events: [] };
}

/** Other stages of the group are open: tell when all of them wait for something outside, and did not before `ended` ended. */
function stillOpen({ open, suspended }: Left, ended: StageState, snapshot: Seen): OnwardChanges | "stages" {
  const run = { open, suspended };
  const isNews = ended.status !== "SUSPENDED" && suspended > 0 && suspended === open;
  if (!isNews) return { ...waiting, run, events: [] };
  if (!snapshot.stages) return "stages";
  const stageId = snapshot.stages.find((stage) => stage.status === "SUSPENDED")?.stageId;
  return { ...waiting, run, events: [{ type: "workflow:suspended", stageId }] };
}

function suspend(outcome: Extract<Outcome, { kind: "suspended" }>, { run, stage }: Held, freshId: string, now: number): Changes<Settled> {
  const isNew = stage.status !== "SUSPENDED"; // a poll that suspends again only changes how it waits
  const suspended = run.suspended + (isNew ? 1 : 0);
  const events: DraftEvent[] = [{ type: "stage:suspended", stageId: stage.stageId, stageName: stage.name, nextPollAt: outcome.nextPollAt }];
  if (isNew && suspended === run.open) events.push({ type: "workflow:suspended", stageId: stage.stageId });
  return {
    result: { ...waiting, outcome: "suspended", wakeAt: outcome.nextPollAt },
    ...(isNew && { attempts: [attemptOf(stage, now, "SUSPENDED", null)] }),
    stages: [
      {
        stageId: stage.stageId,
        item: stage.item,
        set: {
          status: "SUSPENDED",
          waitReason: "poll",
          executionId: freshId,
          lease: null,
          readyAt: null,
          pollAt: outcome.nextPollAt,
          pollIntervalMs: outcome.pollIntervalMs,
          maxWaitUntil: outcome.maxWaitUntil,
          pollFailures: 0,
          error: null,
        },
        payloads: { state: outcome.state, metrics: outcome.metrics },
      },
    ],
    run: { suspended },
    events,
  };
}

function retry(
  options: SettleOptions,
  outcome: Extract<Outcome, { kind: "failed" }>,
  { run, stage }: Held,
  freshId: string,
  now: number,
): Changes<Settled> {
  const retryAt = now + outcome.delayMs;
  const isOurs = options.retry === "engine";
  return {
    result: { ...waiting, outcome: "retrying", wakeAt: isOurs ? retryAt : null },
    attempts: [attemptOf(stage, now, "FAILED", outcome.error)],
    stages: [
      {
        stageId: stage.stageId,
        item: stage.item,
        set: {
          status: "PENDING",
          waitReason: isOurs ? "retry" : "caller",
          executionId: freshId,
          lease: null,
          readyAt: isOurs ? retryAt : null,
          pollAt: null,
          startedAt: null,
          error: outcome.error,
        },
      },
    ],
    run: stage.status === "SUSPENDED" ? { suspended: run.suspended - 1 } : {},
    events: [
      { type: "stage:retrying", stageId: stage.stageId, stageName: stage.name, attempt: stage.attempt, error: outcome.error, retryAt },
    ],
  };
}

/** Ends a stage for good; the run fails with it at once, unless its siblings are awaited or the caller drives. */
export function fail(
  options: Pick<SettleOptions, "plan" | "advances">,
  error: string,
  { run, stage }: Held,
  snapshot: Seen,
  now: number,
): Changes<Settled> {
  const suspended = run.suspended - (stage.status === "SUSPENDED" ? 1 : 0);
  const after = { ...run, open: run.open - 1, suspended, error: run.error ?? error };
  const stages = [{ stageId: stage.stageId, item: stage.item, set: { status: "FAILED" as const, completedAt: now, error, ...noWait } }];
  const failed: DraftEvent = { type: "stage:failed", stageId: stage.stageId, stageName: stage.name, error };
  const aborts = options.plan.getGroup(run.group)?.onFailure !== "await";
  const onward = aborts || after.open === 0 ? failing(options, after, now) : stillOpen(after, stage, snapshot);
  if (onward === "stages") return { result: discarded, need: onward };
  return merge("failed", stages, failed, { ...onward, run: { error: after.error, ...onward.run } });
}

/** Nothing more is awaited: the run fails now, or leaves a mark for run.transition. */
function failing(options: Pick<SettleOptions, "advances">, run: Held["run"], now: number): OnwardChanges {
  return options.advances ? failRun(run.error ?? "", now) : marked(run, now);
}

/** The last progress told, as the stage's row keeps it. */
export function lastProgress(progress: readonly DraftEvent[]): { progress?: JsonText } {
  const last = progress.at(-1);
  return last ? { progress: JSON.stringify({ progress: last["progress"], message: last["message"] }) } : {};
}

/** An ended stage waits for nothing; its lease stays on record, as who executed it. */
const noWait = { waitReason: null, readyAt: null, pollAt: null } as const;

/** The changes of a stage that has ended, and those that carry its run onward. */
function merge(
  outcome: "completed" | "failed",
  stages: StageChange[],
  ended: DraftEvent,
  onward: OnwardChanges,
  artifacts?: ArtifactRow[],
): Changes<Settled> {
  const { advance, nextGroup, handed, outputs, run, open, endOpen, events } = onward;
  const result: Settled = { outcome, wakeAt: null, advance, nextGroup, handed, outputs };
  return { result, stages, open, endOpen, run, artifacts, logs: undefined, events: [ended].concat(events) };
}
