// What must be so of the user's code that ran: which of it counted, what it was given, and that no two workers were at one stage (P6,
// P10, P13, P14).
import { inputOfGroup } from "../../define/plan.ts";
import { isBlobReference } from "../../ports/blob-store.ts";
import type { SimulatedHistory, SimulatedRun } from "./finished-history.ts";
import type { Invariant, LookAtRun } from "./invariant.ts";
import type { SimulatedExecution } from "./sightings.ts";

function executionsOf({ executions }: SimulatedHistory, runId: string, stageId: string): SimulatedExecution[] {
  return executions.filter((one) => one.runId === runId && one.stageId === stageId);
}

/** JSON text of a value as a schema makes it; undefined when that cannot be told. */
function parsedText(schema: { safeParse(value: unknown): { success: boolean; data?: unknown } }, value: unknown): string | undefined {
  try {
    const parsed = schema.safeParse(value);
    return parsed.success ? JSON.stringify(parsed.data) : undefined;
  } catch {
    return undefined; // asynchronous checks
  }
}

/** The output of a stage is what one execution of it returned. */
function resultOfOne({ run, stages, attempts }: SimulatedRun, history: SimulatedHistory): string | null {
  for (const { stageId, status, outputData, executionId } of stages) {
    const stage = history.workflow.plan.getStage(stageId)?.stage;
    if (status !== "COMPLETED" || !stage || isBlobReference(outputData)) continue;
    const ended = executionsOf(history, run.id, stageId).filter(({ end }) => end === "completed");
    const own = executionId === undefined ? [] : ended.filter((one) => one.executionId === executionId);
    const texts = (own.length > 0 ? own : ended).map(({ output }) => parsedText(stage.outputSchema, output));
    if (!texts.includes(undefined) && !texts.includes(JSON.stringify(outputData))) {
      return `the output of ${stageId} is not what the execution that ended it returned`;
    }
    const completed = attempts.filter((attempt) => attempt.stageId === stageId && attempt.status === "COMPLETED");
    const again = completed.filter((attempt) => attempt.executionId === executionId);
    if (attempts.length > 0 && again.length > 1) return `${stageId} was completed by ${again.length} tries`;
  }
  return null;
}

/** The execution that counted was given what the group before had left. */
function inputsAreOutputs({ run, stages }: SimulatedRun, history: SimulatedHistory): string | null {
  const { plan } = history.workflow;
  const completed = stages.filter(({ status }) => status === "COMPLETED");
  if (completed.some(({ outputData }) => isBlobReference(outputData))) return null;
  const outputs = Object.fromEntries(completed.map(({ stageId, outputData }) => [stageId, outputData]));
  for (const { stageId, executionId } of completed) {
    const planned = plan.getStage(stageId);
    const counted = history.executions.find((one) => one.executionId !== undefined && one.executionId === executionId);
    if (!planned || !counted) continue;
    const given = inputOfGroup(plan, planned.executionGroup, run.input, outputs);
    const expected = parsedText(planned.stage.inputSchema, given);
    if (expected !== undefined && expected !== JSON.stringify(counted.input))
      return `${stageId} was given something else than the group before had left`;
  }
  return null;
}

/** Code begins once under one execution id, and no oftener than there are tries. */
function executionsBeginOnce({ run, stages }: SimulatedRun, history: SimulatedHistory): string | null {
  const begun = new Set<string>();
  for (const { runId, executionId, stageId, attempt } of history.executions) {
    if (runId !== run.id || executionId === undefined) continue;
    if (begun.has(executionId)) return `${stageId} began twice under one execution's id`;
    begun.add(executionId);
    const most = stages.find((stage) => stage.stageId === stageId)?.maxAttempts;
    if (most !== undefined && attempt > most) return `${stageId} had try ${attempt} of ${most}`;
  }
  return null;
}

/** Of two workers to which nothing has happened, one never begins what the other is at. One that stood still may: it has lost its stage. */
function nobodyShares({ run, events }: SimulatedRun, history: SimulatedHistory): string | null {
  // a cancelled stage may be opened again while its code has not heard of it
  if (events.some(({ type }) => type === "workflow:rerun")) return null;
  for (const kind of ["execute", "check"] as const) {
    const own = history.executions.filter((one) => one.runId === run.id && one.kind === kind);
    for (const [i, one] of own.entries()) {
      if (one.process.isDisturbed || !isUnderWay(one)) continue;
      // code that was told to end is waited for no longer
      const until = Math.min(one.endedAt ?? Number.POSITIVE_INFINITY, one.abortedAt ?? Number.POSITIVE_INFINITY);
      const other = own.find((later, j) => j > i && later.stageId === one.stageId && !later.process.isDisturbed && later.startedAt < until);
      if (!other) continue;
      const what = kind === "check" ? "looked at" : "was at";
      return `${other.worker} ${what} ${one.stageId} while ${one.worker} still did, and nothing had happened to either`;
    }
  }
  return null;
}

/** Longest time from a cancellation to the signal of a stage on another worker: a check every 500 ms, and four messages. Milliseconds. */
const hearsWithinMs = 2_200;

/** A worker to which nothing has happened hears of a cancellation while its stage runs. */
function hearsOfCancellation({ run, events }: SimulatedRun, history: SimulatedHistory): string | null {
  if (events.some(({ type }) => type === "workflow:rerun")) return null;
  const answers = history.answers.filter(({ command, runId }) => command === "run.cancel" && runId === run.id);
  const cancelled = answers.find(({ result }) => (result as { cancelled: boolean }).cancelled);
  if (!cancelled || run.status !== "CANCELLED") return null;
  const by = cancelled.at + hearsWithinMs;
  const deaf = history.executions.find((one) => {
    const isRunning = one.kind === "execute" && one.runId === run.id && one.startedAt < cancelled.at && (one.endedAt ?? 0) > by;
    return isRunning && !one.process.isDisturbed && (one.abortedAt ?? Number.POSITIVE_INFINITY) > by;
  });
  return deaf ? `${deaf.worker} went on with ${deaf.stageId} for more than ${hearsWithinMs} ms after the run was cancelled` : null;
}

/** Code of a worker that was stopped for good says nothing. */
function isUnderWay({ endedAt, process }: SimulatedExecution): boolean {
  return endedAt !== null || process.isAlive;
}

/** The invariants of executions. */
export function executionInvariants(ofRuns: (look: LookAtRun) => Invariant["check"]): Invariant[] {
  return [
    { name: "P13 each stage's result is written by one execution", check: ofRuns(resultOfOne) },
    { name: "P6 a stage is given what the group before left", check: ofRuns(inputsAreOutputs) },
    { name: "P13 an execution begins once, within its tries", check: ofRuns(executionsBeginOnce) },
    { name: "P13 leases are never shared", check: ofRuns(nobodyShares) },
    { name: "P8 a running stage hears that its run was cancelled", check: ofRuns(hearsOfCancellation) },
  ];
}
