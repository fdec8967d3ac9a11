// One execution without a kernel around it: a stage of a workflow, what it reads, and a record of what it told. Not part of the build.
import type { AnyWorkflow } from "../../define/workflow.ts";
import { InMemoryBlobStore } from "../../memory/memory-blob-store.ts";
import type { DraftEvent } from "../../ports/event.ts";
import type { Job, LogRow, RunPayloads, Snapshot, Unit } from "../../ports/store.ts";
import { createFakeEnvironment } from "../testing/fake-environment.ts";
import { Abort } from "./abort.ts";
import type { PayloadLimits } from "./payloads.ts";
import { withoutLogger } from "./stage-ai.ts";
import { type ExecutionServices, StageExecution } from "./stage-execution.ts";

/** What a stage reads, as values. */
export interface Given {
  input?: unknown;
  config?: Record<string, unknown>;
  /** Outputs by stage id; the group of each comes from the workflow. */
  outputs?: Record<string, unknown>;
  job?: Partial<Job>;
  limits?: PayloadLimits;
}

/** Payloads of a run of this workflow, as a store gives them. */
export function payloadsOf({ plan }: AnyWorkflow, { input = {}, config = {}, outputs = {} }: Given): RunPayloads {
  const ids = Object.keys(outputs);
  return {
    input: JSON.stringify(input),
    config: JSON.stringify(config),
    outputs: Object.fromEntries(ids.map((id) => [id, JSON.stringify(outputs[id])])),
    groups: Object.fromEntries(ids.map((id) => [id, plan.requireStage(id).executionGroup])),
  };
}

/** The execution of one stage. */
export function executionOf(workflow: AnyWorkflow, stageId: string, given: Given = {}) {
  const { plan } = workflow;
  const planned = plan.requireStage(stageId);
  const environment = createFakeEnvironment();
  const blobStore = new InMemoryBlobStore();
  const limits = given.limits ?? { inlineBytes: 1_000, maxBytes: 10_000 };
  const services: ExecutionServices = { environment, blobStore, limits, bindAI: withoutLogger };
  const logs: LogRow[] = [];
  const progress: DraftEvent[] = [];
  const abort = new Abort();
  const job: Job = {
    ...{ runId: "r1", stageId, item: 0, executionId: "x1", workflowId: plan.workflowId },
    ...{ group: planned.executionGroup, number: planned.stageNumber, priority: 5, attempt: 1, maxAttempts: 3 },
    startedAt: environment.now(),
    payloads: payloadsOf(workflow, given),
    resume: null,
    ...given.job,
  };
  const held = { run: { status: "RUNNING" }, stage: { status: "RUNNING", executionId: job.executionId }, freshId: "x2" } as Snapshot;
  const transact = async <R>({ decide }: Unit<R>): Promise<R> => {
    const changes = decide(held, environment.now());
    logs.push(...(changes.logs ?? []));
    progress.push(...(changes.events ?? []));
    return changes.result;
  };
  const execution = new StageExecution({ environment, store: { transact } }, plan, planned, job, abort);
  return { services, execution, environment, blobStore, abort, logs, progress };
}
