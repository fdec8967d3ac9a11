// The executor of the oldest seed: one workflow, one run, executed here and now. Rerun by `fromStage`, going on by `resume`; everything
// durable, so that a crash costs the stage it hit and nothing before it.
import { createKernelOn, type KernelConfig, runStoreOf } from "../defaults.ts";
import type { AnyWorkflow } from "../define/workflow.ts";
import { WorkflowEngineError } from "../errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { WorkSession } from "../kernel/session.ts";
import { watchEvents } from "../kernel/watch-events.ts";
import { isBlobReference } from "../ports/blob-store.ts";
import type { EventOf, EventType } from "../ports/event.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { AICallLogger } from "../ports/ledger.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { RunRecord } from "../ports/run.ts";
import { isEnded } from "../ports/status.ts";
import { Emitter } from "./emitter.ts";
import { driveRun } from "./run-driver.ts";

/** What an executor stands on; a store of ours spreads into it. */
export interface WorkflowExecutorConfig
  extends Partial<
    Pick<KernelConfig, "blobStore" | "environment" | "clock" | "scheduler" | "payloadLimits" | "aiCallLogger" | "providerResolver">
  > {
  persistence: Persistence;
  /** Where model calls are logged; the same as aiCallLogger, as stores of ours name it. */
  aiLogger?: AICallLogger | undefined;
  /** Gets the events too, published once. Without it they stay in the outbox for a host. */
  eventSink?: KernelConfig["eventSink"];
}

/** How to execute. */
export interface ExecuteOptions {
  /** Goes on where the run stands: looks at suspended stages that are due, and runs again from the stage that failed. */
  resume?: boolean | undefined;
  /** Runs again from this stage's group, with the persisted outputs of the groups before it; what came after is forgotten. */
  fromStage?: string | undefined;
}

/** The events of an executor, by name. */
export type ExecutorEvents = { [T in EventType]: EventOf<T> };

const pollsAtOnce = 100;

/** Executes one run of a workflow in this process. */
export class WorkflowExecutor<TWorkflow extends AnyWorkflow = AnyWorkflow> extends Emitter<ExecutorEvents> {
  readonly workflow: TWorkflow;
  readonly workflowRunId: string;
  readonly workflowType: string;
  readonly #config: WorkflowExecutorConfig;
  readonly #kernel: Kernel;
  readonly #session: WorkSession;

  /** The run is created at the first `execute` when there is none of this id. */
  constructor(workflow: TWorkflow, workflowRunId: string, workflowType: string, config: WorkflowExecutorConfig) {
    super();
    this.workflow = workflow;
    this.workflowRunId = workflowRunId;
    this.workflowType = workflowType;
    this.#config = config;
    this.#kernel = this.#createKernel();
    this.#session = this.#kernel.work.openSession({ workerId: "executor" });
  }

  /**
   * Executes the run and answers its output; "suspended" when it waits for something outside, "cancelled" when it was cancelled. Throws the
   * run's error when it failed. `input` counts when the run is created; `config` by stage id, the run's own when absent.
   */
  async execute(input: unknown, config?: Record<string, unknown> | undefined, options: ExecuteOptions = {}): Promise<unknown> {
    const { workflowRunId: runId } = this;
    await this.#prepare(input, config, options);
    const { persistence } = this.#config;
    const { session, environment } = { session: this.#session, environment: this.#kernel.work.environment };
    const run = await driveRun({ workflow: this.workflow, runId, persistence, session, environment, config });
    if (this.#config.eventSink) while ((await this.#session.flush(pollsAtOnce)) > 0);
    return this.#resultOf(run);
  }

  async #prepare(input: unknown, config: Record<string, unknown> | undefined, { resume, fromStage }: ExecuteOptions): Promise<void> {
    const group = fromStage === undefined ? null : this.#groupOf(fromStage);
    const run = await this.#config.persistence.getRun(this.workflowRunId);
    if (group !== null && group > 1) await this.#requireBefore(fromStage ?? "", group);
    if (!run) return this.#create(input, config);
    if (fromStage !== undefined) return this.#rerun(run, fromStage);
    if (resume) return this.#resume(run);
    const first = this.workflow.plan.groups[0]?.stages[0]?.stageId;
    if (isEnded(run.status) && first !== undefined) await this.#rerun(run, first);
  }

  /** The number of a stage's group, from 1. */
  #groupOf(stageId: string): number {
    const stage = this.workflow.plan.getStage(stageId);
    if (stage) return stage.executionGroup;
    throw new WorkflowEngineError("STAGE_NOT_FOUND", `Stage "${stageId}" not found in workflow "${this.workflow.id}"`);
  }

  async #requireBefore(stageId: string, group: number): Promise<void> {
    const completed = await this.#config.persistence.getStagesByRun(this.workflowRunId, { status: "COMPLETED" });
    if (completed.some((stage) => stage.executionGroup < group)) return;
    throw new WorkflowEngineError(
      "RUN_STATE",
      `Cannot rerun from stage "${stageId}": no completed stages found before execution group ${group}`,
    );
  }

  async #create(input: unknown, config: Record<string, unknown> | undefined): Promise<void> {
    const { workflowRunId, workflow } = this;
    const idempotencyKey = `executor:${workflowRunId}`;
    await this.#kernel.dispatch({ type: "run.create", idempotencyKey, workflowRunId, workflowId: workflow.id, input, config });
  }

  async #rerun({ id, status }: RunRecord, fromStageId: string): Promise<void> {
    if (status === "PENDING") return; // has not begun: it begins with its first stage
    await this.#kernel.dispatch({ type: "run.rerunFrom", workflowRunId: id, fromStageId });
  }

  async #resume(run: RunRecord): Promise<void> {
    if (run.status === "FAILED" || run.status === "CANCELLED") {
      const stages = await this.#config.persistence.getStagesByRun(run.id);
      const completed = new Set(stages.flatMap(({ status, stageId }) => (status === "COMPLETED" ? [stageId] : [])));
      const next = this.workflow.plan.stages.find(({ stageId }) => !completed.has(stageId));
      if (next) await this.#rerun(run, next.stageId);
    } else await this.#session.pollSuspended(pollsAtOnce);
  }

  async #resultOf(run: RunRecord): Promise<unknown> {
    if (run.status === "CANCELLED") return "cancelled";
    if (run.status === "RUNNING" || run.status === "PENDING") return "suspended";
    if (run.status === "FAILED") throw await this.#failureOf(run);
    const { output } = run;
    return isBlobReference(output) && this.#config.blobStore ? this.#config.blobStore.get(output.$blob) : output;
  }

  async #failureOf(run: RunRecord): Promise<Error> {
    const failed = (await this.#config.persistence.getFirstFailedStage(run.id))?.errorMessage;
    return new Error(run.errorMessage ?? failed ?? `WorkflowRun ${run.id} failed`);
  }

  #createKernel(): Kernel {
    const { workflow, workflowRunId } = this;
    const { aiLogger, aiCallLogger = aiLogger, ...ports } = this.#config;
    const registry = { getWorkflow: (id: string) => (id === workflow.id ? workflow : null), listWorkflowIds: () => [workflow.id] };
    const isNative = "runStore" in ports.persistence;
    const config: KernelConfig = { ...ports, aiCallLogger, registry, ...(!isNative && { jobTransport: noQueue }) };
    const storeOn: Parameters<typeof createKernelOn>[0] = (environment) =>
      watchEvents(runStoreOf(config, environment), workflowRunId, (event) => void this.emit(event.type, event as never));
    return createKernelOn(storeOn, config);
  }
}

/** Over an adapter of the CRUD port alone: the executor finds its stages in the rows, so nobody else has to hear of them. */
const noQueue: JobTransport = {
  enqueue: async ({ jobId, workflowRunId, stageId }) => jobId ?? `${workflowRunId}/${stageId}`,
  enqueueParallel: async (inputs) => inputs.map(({ jobId, workflowRunId, stageId }) => jobId ?? `${workflowRunId}/${stageId}`),
  dequeue: async () => null,
  complete: async () => undefined,
  suspend: async () => undefined,
  fail: async () => undefined,
  getSuspendedJobsReadyToPoll: async () => [],
  releaseStaleJobs: async () => 0,
};
