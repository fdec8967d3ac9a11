// The client of a history: gives commands, repeats those of whose answer it heard nothing, and now and then sends one twice.
import { createKernel } from "../../defaults.ts";
import type { AnyWorkflow } from "../../define/workflow.ts";
import { errorCodeOf } from "../../errors.ts";
import type { CommandResult, KernelCommand, RunCreateCommand } from "../../kernel/commands/command.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { createRegistry } from "../../kernel/registry.ts";
import { isEnded, type Status } from "../../ports/status.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import { portsOf, type SimulatedStore } from "./simulated-store.ts";
import { sleep } from "./watched-workflow.ts";
import type { World } from "./world.ts";

/** What a script of a simulation can do. Every command is repeated until it is answered. */
export interface SimulatedClient {
  /** Creates a run and answers its id; the simulation's input when none is given. */
  create(options?: Partial<Omit<RunCreateCommand, "type" | "workflowId">>): Promise<string>;
  cancel(runId: string, reason?: string): Promise<boolean>;
  /** Reopens an ended run. */
  rerunFrom(runId: string, stageId: string): Promise<void>;
  /** Raises a run's budget, or a stage's; answers the stages that go on. */
  raiseBudget(runId: string, limit: { usd?: number; tokens?: number; stageId?: string }): Promise<string[]>;
  /** Waits, in virtual milliseconds. */
  sleep(ms: number): Promise<void>;
  hasEnded(runId: string): Promise<boolean>;
  /** Waits until a run has ended. */
  untilEnded(runId: string): Promise<Status>;
  /** A number in [0, 1) that repeats for one seed. */
  random(): number;
}

const pauseMs = 1_500;
const mostTries = 40;

/** Makes the client of a history. */
export function createClient(world: World, store: SimulatedStore, workflow: AnyWorkflow, input: unknown): SimulatedClient {
  const process = world.open("client", false);
  const ports = portsOf(world, process, store);
  const kernel = createKernel({ ...ports, registry: createRegistry([workflow]), environment: process.environment });
  let keys = 0;
  const insist = <C extends KernelCommand>(command: C): Promise<CommandResult<C>> => insistOn(world, process, kernel, command);
  return {
    create: async (options = {}) => {
      const idempotencyKey = options.idempotencyKey ?? `create-${(keys += 1)}`;
      return (await insist({ type: "run.create", workflowId: workflow.id, input, ...options, idempotencyKey })).workflowRunId;
    },
    cancel: async (workflowRunId, reason) => {
      const command = { type: "run.cancel", workflowRunId, ...(reason !== undefined && { reason }) } as const;
      return (await insist(command)).cancelled;
    },
    rerunFrom: async (workflowRunId, fromStageId) => {
      await insist({ type: "run.rerunFrom", workflowRunId, fromStageId, idempotencyKey: `rerun-${(keys += 1)}` });
    },
    raiseBudget: async (workflowRunId, limit) => (await insist({ type: "budget.raise", workflowRunId, ...limit })).resumedStages,
    sleep: (ms) => sleep(world, process, ms),
    hasEnded: async (runId) => isEnded((await store.persistence.getRunStatus(runId)) ?? "CANCELLED"),
    untilEnded: async (runId) => {
      for (;;) {
        const status = await store.persistence.getRunStatus(runId);
        if (status === null || isEnded(status)) return status ?? "CANCELLED";
        await sleep(world, process, 500);
      }
    },
    random: world.choices.stream("client.script"),
  };
}

async function insistOn<C extends KernelCommand>(
  world: World,
  process: SimulatedProcess,
  kernel: Kernel,
  command: C,
): Promise<CommandResult<C>> {
  const key = "idempotencyKey" in command ? command.idempotencyKey : undefined;
  const runId = "workflowRunId" in command ? command.workflowRunId : undefined;
  const isTwice = world.mishap(process, process.place(command.type), ["duplicate"], 10) !== null;
  if (isTwice) world.tell("client", `sends ${command.type} twice`, true);
  const once = async (): Promise<CommandResult<C>> => {
    for (let tries = 1; ; tries++) {
      try {
        const result = await kernel.dispatch(command);
        world.seen.answers.push({ command: command.type, key, runId, result, at: world.time.now });
        return result;
      } catch (error) {
        const code = errorCodeOf(error);
        const isTransient = code === undefined || code === "IDEMPOTENCY_IN_PROGRESS" || code === "STALE_VERSION";
        if (!isTransient || tries >= mostTries) throw error;
        await sleep(world, process, pauseMs);
      }
    }
  };
  // the second answer is looked at with the others; a rerun that was begun already refuses it
  const second = isTwice ? once().catch(() => undefined) : undefined;
  const result = await once().catch(async (error: unknown) => (await second) ?? Promise.reject(error));
  await second;
  return result;
}
