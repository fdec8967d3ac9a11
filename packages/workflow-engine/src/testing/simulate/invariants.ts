// What must be so after every history, whatever went wrong in it: the engine's promises, as questions to what a history left.
import { isEnded } from "../../ports/status.ts";
import { eventsAreWhole, eventsFollowTheWorkflow, oneFlusherAtATime } from "./event-invariants.ts";
import { executionInvariants } from "./execution-invariants.ts";
import { miscountOf, type SimulatedHistory, type SimulatedRun } from "./finished-history.ts";
import type { Invariant, LookAtRun } from "./invariant.ts";
import { ledgerInvariants } from "./ledger-invariants.ts";

/** The first thing wrong with any run; null when nothing is. */
function ofRuns(look: LookAtRun) {
  return (history: SimulatedHistory): string | null => {
    for (const run of history.runs) {
      const problem = look(run, history);
      if (problem !== null) return `run ${run.run.id.slice(-4)}: ${problem}`;
    }
    return null;
  };
}

function everyRunEnds({ run, stages }: SimulatedRun, { hasEnded }: SimulatedHistory): string | null {
  if (!isEnded(run.status)) {
    const open = stages.map(({ stageId, status, attempt }) => `${stageId} ${status} after ${attempt} tries`).join(", ");
    return `is ${run.status} for good (${open || "no stages"})`;
  }
  return hasEnded ? null : "ended, but something goes on for ever, or an event was never published";
}

function noRowIsLeft({ run, stages, state }: SimulatedRun, { isAwaited }: SimulatedHistory): string | null {
  const open = stages.find(({ status }) => !isEnded(status));
  if (open && isEnded(run.status)) return `${open.stageId} is ${open.status} in a run that is ${run.status}`;
  if (state && state.run.transitionAt !== null) return "still waits for a transition";
  const queued = state?.stages.find((stage) => stage.readyAt !== null || stage.pollAt !== null);
  if (queued && isEnded(run.status)) return `${queued.stageId} is still queued`;
  return isAwaited && isEnded(run.status) ? "something is still due when everything has ended" : null;
}

function countersCount({ state }: SimulatedRun, { miscounts }: SimulatedHistory): string | null {
  return miscounts[0] ?? miscountOf(state);
}

/** What two workers' clocks differ by at most. Milliseconds. */
const clocksDifferMs = 40_000;

function failsForAReason({ run, stages, attempts, state }: SimulatedRun, { executions }: SimulatedHistory): string | null {
  if (run.status !== "FAILED") return null;
  const failed = stages.filter(({ status }) => status === "FAILED");
  if (failed.length === 0) return `is FAILED, and none of its stages is (${run.errorMessage ?? "no error"})`;
  if (attempts.length === 0 || !state) return null;
  const unexplained = failed.find(({ stageId, attempt, maxAttempts = 0 }) => {
    const own = executions.filter((one) => one.runId === run.id && one.stageId === stageId);
    const hasFailed = own.some(({ end }) => end === "failed");
    const isSpent = attempt >= maxAttempts;
    const hasGivenUp = own.some(({ kind }) => kind === "check");
    return !(hasFailed || isSpent || hasGivenUp);
  });
  if (unexplained) return `${unexplained.stageId} is FAILED, its code never threw, and it had tries left (${unexplained.errorMessage})`;
  const suspended = failed.find(({ stageId, maxWaitUntil, completedAt, errorMessage }) => {
    const own = executions.filter((one) => one.runId === run.id && one.stageId === stageId);
    const threw = own.some(({ end }) => end === "failed") || (errorMessage ?? "").includes("lost its worker");
    const wasWaiting = own.some(({ kind, end }) => kind === "execute" && end === "suspended");
    return (
      wasWaiting && !threw && maxWaitUntil !== null && (completedAt ?? maxWaitUntil).getTime() < maxWaitUntil.getTime() - clocksDifferMs
    );
  });
  return suspended ? `${suspended.stageId} FAILED while it had time to wait, and nothing threw (${suspended.errorMessage})` : null;
}

function createIsIdempotent({ runs, answers }: SimulatedHistory): string | null {
  const created = new Map<string, string>();
  for (const { command, key, result } of answers) {
    if (command !== "run.create" || key === undefined) continue;
    const { workflowRunId } = result as { workflowRunId: string };
    const first = created.get(key);
    if (first !== undefined && first !== workflowRunId) return `key ${key} was answered two runs`;
    created.set(key, workflowRunId);
  }
  if (runs.length > created.size) return `${created.size} keys made ${runs.length} runs`;
  const lost = [...created.values()].find((id) => !runs.some(({ run }) => run.id === id));
  return lost === undefined ? null : `a run that was answered is not there: ${lost}`;
}

function cancelledStaysCancelled({ run, stages, events }: SimulatedRun): string | null {
  const at = events.findLastIndex(({ type }) => type === "workflow:cancelled");
  if (run.status === "CANCELLED" && at < 0) return "is CANCELLED and never told so";
  if (at < 0 || events.slice(at).some(({ type }) => type === "workflow:rerun")) return null;
  const after = events.slice(at + 1).find(({ type }) => type !== "budget:raised");
  if (after) return `${after.type} was told after workflow:cancelled`;
  const told = new Set(events.flatMap((event) => (event.type === "stage:completed" ? [event.stageId] : [])));
  const late = stages.find(({ stageId, status }) => status === "COMPLETED" && !told.has(stageId));
  return late ? `${late.stageId} was completed, and not before the run was cancelled` : null;
}

/** The engine's promises, checked after every history of every simulation. */
export const engineInvariants: readonly Invariant[] = [
  { name: "P2 a run is created once for a key", check: createIsIdempotent },
  { name: "P4 counters equal what they count", check: ofRuns(countersCount) },
  ...executionInvariants(ofRuns),
  { name: "P8 nothing happens in a cancelled run", check: ofRuns(cancelledStaysCancelled) },
  { name: "P4 stages start when their inputs exist, and end once", check: ofRuns(eventsFollowTheWorkflow) },
  { name: "P18 events are complete and in order", check: ofRuns(eventsAreWhole) },
  { name: "P18 one flusher at a time", check: oneFlusherAtATime },
  ...ledgerInvariants(ofRuns),
  { name: "P14 every run ends", check: ofRuns(everyRunEnds) },
  { name: "P17 no row is left that nothing will move", check: ofRuns(noRowIsLeft) },
  { name: "P5 a run fails for a reason", check: ofRuns(failsForAReason) },
];
