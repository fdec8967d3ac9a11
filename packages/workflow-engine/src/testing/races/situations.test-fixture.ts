// Where a run stands when commands race for it, and the commands: every one that the kernel has.
import { BudgetExceededError } from "../../ai/budget-exceeded.ts";
import { FatalError } from "../../errors.ts";
import type { CommandType, KernelCommand } from "../../kernel/commands/command.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { WorkSession } from "../../kernel/session.ts";
import type { Job } from "../../ports/store.ts";
import { chain, step, waiting } from "../workflows.ts";

/** How stage `a` ends its next execution. */
type Conduct = "returns" | "waits" | "throws" | "is held" | "gives up";

const refusal = {
  ...({ scope: "run", trippedBy: "usd", onExceed: "hold" } as const),
  ...{ limit: { usdPico: 1n, tokens: null }, spentPico: 1n, spentTokens: 0, neededPico: 1n, neededTokens: 0 },
};

let conduct: Conduct = "returns";

function behave(): { output: string } | undefined {
  if (conduct === "throws") throw new Error("as told");
  if (conduct === "gives up") throw new FatalError("as told");
  if (conduct === "is held") throw new BudgetExceededError("as told", refusal);
  return conduct === "waits" ? undefined : { output: "a" };
}

/** One stage that may wait, two siblings, one more. */
export const racedWorkflow = chain(
  "raced",
  waiting("a", () => ({ ready: true, output: "a" }), { pollInterval: 1_000, maxWaitTime: 1e12, execute: behave }),
  { stages: [step("b", () => "b"), step("s", () => "s")] },
  step("c", () => "c"),
);

/** What a situation is made with. */
export interface Making {
  readonly runId: string;
  readonly kernel: Kernel;
  /** A process that is about to be silent. */
  readonly ghost: WorkSession;
  /** Lets time pass for every process. Milliseconds. */
  pass(ms: number): void;
  /** Something else that happens while commands race. */
  meanwhile?: () => Promise<unknown>;
}

const aMinute = 61_000;
const options = { onCodeEnded: () => undefined, slots: () => 0 };

const create = ({ runId }: Pick<Making, "runId">) =>
  ({ type: "run.create", idempotencyKey: `key of ${runId}`, workflowRunId: runId, workflowId: "raced", input: {} }) as const;
const execute = (runId: string, stageId: string) => ({ type: "job.execute", workflowRunId: runId, workflowId: "raced", stageId }) as const;

/** A run whose first event is a dead letter of a consumer that gave up. */
async function created(making: Making): Promise<void> {
  await making.kernel.dispatch(create(making));
  await making.kernel.dispatch({ type: "outbox.flush" });
}

async function opened(making: Making): Promise<void> {
  await created(making);
  await making.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
}

async function executed(making: Making, how: Conduct, retry?: "engine"): Promise<void> {
  await opened(making);
  conduct = how;
  await making.kernel.dispatch({ ...execute(making.runId, "a"), ...(retry && { retry }) });
  conduct = "returns";
}

async function advanced(making: Making): Promise<void> {
  await executed(making, "returns");
  await making.kernel.dispatch({ type: "run.transition", workflowRunId: making.runId });
}

/** Makes each situation. */
export const situations: Readonly<Record<string, (making: Making) => Promise<void>>> = {
  absent: async () => undefined,
  pending: created,
  queued: opened,
  "running on a worker that is taken for dead": async (making) => {
    await opened(making);
    const [job] = (await making.ghost.take(1)) as [Job];
    making.pass(aMinute);
    making.meanwhile = () => making.ghost.execute(job, options);
  },
  suspended: async (making) => {
    await executed(making, "waits");
    making.pass(2_000);
  },
  held: (making) => executed(making, "is held"),
  "to be retried": async (making) => {
    await executed(making, "throws", "engine");
    making.pass(aMinute);
  },
  "at the end of a group": (making) => executed(making, "returns"),
  "with siblings": advanced,
  failed: async (making) => {
    await executed(making, "gives up");
    await making.kernel.dispatch({ type: "run.transition", workflowRunId: making.runId });
  },
  completed: async (making) => {
    await advanced(making);
    await work(making.ghost);
  },
  cancelled: async (making) => {
    await opened(making);
    await making.kernel.dispatch({ type: "run.cancel", workflowRunId: making.runId });
  },
};

/** The command of each type, as the n-th rival sends it. */
export const commands: { readonly [T in CommandType]: (runId: string, n: number, situation: string) => KernelCommand } = {
  "run.create": (runId) => create({ runId }),
  "run.claimPending": () => ({ type: "run.claimPending", workerId: "w" }),
  "run.transition": (workflowRunId) => ({ type: "run.transition", workflowRunId }),
  "run.cancel": (workflowRunId) => ({ type: "run.cancel", workflowRunId }),
  "run.rerunFrom": (workflowRunId) => ({ type: "run.rerunFrom", workflowRunId, fromStageId: "a" }),
  "run.reapStuck": () => ({ type: "run.reapStuck", stuckThresholdMs: 0 }),
  "run.delete": (workflowRunId) => ({ type: "run.delete", workflowRunId }),
  "budget.raise": (workflowRunId) => ({ type: "budget.raise", workflowRunId, usd: 1 }),
  "job.execute": (runId, n, situation) => execute(runId, situation === "with siblings" ? ["b", "s"][n % 2]! : "a"),
  "stage.pollSuspended": () => ({ type: "stage.pollSuspended" }),
  "lease.reapStale": () => ({ type: "lease.reapStale", staleThresholdMs: 60_000 }),
  "outbox.flush": () => ({ type: "outbox.flush" }),
  "plugin.replayDLQ": () => ({ type: "plugin.replayDLQ" }),
};

/** Takes and executes stages until none is left, as a worker does. */
export async function work(session: WorkSession): Promise<void> {
  for (let jobs = await session.take(10); jobs.length > 0; jobs = await session.take(10)) {
    await Promise.all(jobs.map((job) => session.execute(job, options)));
  }
}

/** Brings a run to its end, whatever it waits for; throws when it does not get there. */
export async function finish(
  runId: string,
  { kernel, ghost: worker, pass }: Making,
  statusOf: () => Promise<string | null>,
): Promise<void> {
  for (let rounds = 0; rounds < 12; rounds++) {
    const status = await statusOf();
    if (status !== "PENDING" && status !== "RUNNING") return;
    pass(aMinute);
    await kernel.dispatch({ type: "lease.reapStale", staleThresholdMs: 60_000 });
    await kernel.dispatch({ type: "run.claimPending", workerId: "w" });
    await kernel.dispatch({ type: "budget.raise", workflowRunId: runId, usd: 2 });
    await kernel.dispatch({ type: "stage.pollSuspended" });
    await work(worker);
    await kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 0 });
  }
  throw new Error(`run ${runId} is ${await statusOf()} and does not end`);
}
