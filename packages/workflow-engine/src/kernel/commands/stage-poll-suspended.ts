// stage.pollSuspended: looks at suspended stages that are due, each by one poller, outside any transaction (P10 to P12).
import type { Decide, Poll } from "../../ports/store.ts";
import type { Abort } from "../execute/abort.ts";
import { checkCompletion, type PollEnd } from "../execute/check-completion.ts";
import { afterSettling, notifyScheduler } from "../execute/execute-job.ts";
import { type KernelParts, knownWorkflowIds, outputCheckOf, planOf } from "../execute/parts.ts";
import { commitAgain } from "../execute/settle-again.ts";
import { tellOf } from "../execute/stage-execution.ts";
import { Teller } from "../execute/teller.ts";
import { pollAgain, resume } from "../rules/poll.ts";
import { settle } from "../rules/settle.ts";
import type { CommandMap, StagePollSuspendedCommand } from "./command.ts";
import { requireCount } from "./fields.ts";

/** A look that takes longer is given up. Milliseconds. */
const lookMs = 50_000;

/** What a look at one stage came to. */
export type PollResult = "waiting" | "resumed" | "failed";

/** Looks at up to `maxChecks` due stages. */
export async function stagePollSuspended(
  parts: KernelParts,
  command: StagePollSuspendedCommand,
): Promise<CommandMap["stage.pollSuspended"]["result"]> {
  const polls = await takePolls(parts, requireCount(command, "maxChecks", 50));
  const results = await pollEach(parts, polls, false);
  const resumed = polls.filter((_, i) => results[i] === "resumed");
  return {
    checked: polls.length,
    resumed: resumed.length,
    failed: results.filter((result) => result === "failed").length,
    resumedWorkflowRunIds: [...new Set(resumed.map((poll) => poll.runId))],
  };
}

/** Holds up to `max` due stages of workflows this process knows. */
export async function takePolls(parts: KernelParts, max: number): Promise<Poll[]> {
  return parts.store.takePolls({ max, holdMs: parts.executions.pollHoldMs, workflowIds: await knownWorkflowIds(parts) });
}

/** Looks at stages side by side. Rejects when one could not be written, once all have been looked at. */
export async function pollEach(parts: KernelParts, polls: readonly Poll[], advances: boolean): Promise<PollResult[]> {
  const ends = await Promise.allSettled(polls.map((poll) => pollOne(parts, poll, advances)));
  return ends.map((end) => {
    if (end.status === "rejected") throw end.reason;
    return end.value;
  });
}

/** Looks at one stage that is held; with `advances` a stage that is ready moves its run on in the same commit. */
export async function pollOne(parts: KernelParts, poll: Poll, advances: boolean): Promise<PollResult> {
  const plan = planOf(parts.registry, poll.workflowId);
  const planned = plan?.getStage(poll.stageId);
  if (!plan || !planned) return "waiting"; // a worker that knows the stage polls it once nobody holds it
  const held = parts.executions.hold(poll, "SUSPENDED");
  const teller = new Teller(parts.environment, tellOf(parts.store, poll, "SUSPENDED"), () =>
    held.abort.abort(new Error("This poll has lost its stage")),
  );
  const cancelTimer = parts.environment.setTimer(lookMs, () =>
    held.abort.abort(new Error(`checkCompletion did not answer within ${lookMs} ms`)),
  );
  try {
    const end = await checkCompletion(parts, { plan, planned, poll, abort: held.abort, teller });
    held.end();
    await held.quiet();
    return await apply(parts, poll, end, held.abort, { plan, advances, ...(await teller.close()) });
  } finally {
    cancelTimer();
    held.end();
  }
}

/** Writes what a look came to, also over a store that stumbles: what was found must not be asked for again because of that. */
async function commitLook<R extends object>(parts: KernelParts, poll: Poll, abort: Abort, decide: Decide<R>): Promise<R> {
  const unit = { runId: poll.runId, stage: { stageId: poll.stageId, item: poll.item }, decide };
  try {
    return await parts.store.transact(unit);
  } catch (error) {
    const answer = await commitAgain(parts, abort, error, () => unit);
    if (!answer) throw error;
    return answer;
  }
}

async function apply(
  parts: KernelParts,
  poll: Poll,
  end: PollEnd,
  abort: Abort,
  options: Pick<Parameters<typeof settle>[0], "plan" | "advances" | "logs" | "progress">,
): Promise<PollResult> {
  const transact = <R extends object>(decide: Decide<R>): Promise<R> => commitLook(parts, poll, abort, decide);
  if (end.kind === "settle") {
    const { outcome } = end;
    const checkOutput = outputCheckOf(parts.registry, poll.workflowId);
    const settled = await transact(
      settle({ ...options, ref: poll, outcome, from: "SUSPENDED", retry: "nobody", taker: null, checkOutput }),
    );
    await afterSettling(parts, poll, outcome, settled);
    if (settled.outcome === "discarded") return "waiting";
    return settled.outcome === "failed" ? "failed" : "resumed";
  }
  if (end.kind === "resume") {
    const { isHeld } = await transact(resume(poll, end.state, options.logs));
    return isHeld ? "resumed" : "waiting";
  }
  const { wakeAt } = await transact(pollAgain(poll, end.nextPollAt, end.failures, options.logs));
  if (wakeAt !== null) notifyScheduler(parts, poll, "stage.pollSuspended", wakeAt);
  return "waiting";
}
