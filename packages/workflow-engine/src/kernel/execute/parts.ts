// What the kernel is made of, as its commands see it.
import type { z } from "zod";
import type { WorkflowPlan } from "../../define/plan.ts";
import type { AnyWorkflow } from "../../define/workflow.ts";
import { WorkflowEngineError } from "../../errors.ts";
import type { BlobStore } from "../../ports/blob-store.ts";
import type { Environment } from "../../ports/environment.ts";
import type { EventSink } from "../../ports/event-sink.ts";
import type { WorkflowRegistry } from "../../ports/registry.ts";
import type { Scheduler } from "../../ports/scheduler.ts";
import type { JsonText, RunStore } from "../../ports/store.ts";
import type { StoreTransaction, TransactionClient } from "../../ports/transaction.ts";
import type { Executions } from "./executions.ts";
import { describeIssues } from "./failures.ts";
import type { PayloadLimits } from "./payloads.ts";
import type { StageAIFactory } from "./stage-ai.ts";

/** How long things are kept (P22). Milliseconds; null keeps for ever. */
export interface Retention {
  /** Published events; default 7 days. */
  publishedEventsMs: number;
  /** Dead letters; default 30 days. */
  deadLettersMs: number;
  /** Used idempotency keys; default 24 hours. */
  idempotencyKeysMs: number;
  /** Ended runs; default null. */
  endedRunsMs: number | null;
}

/** The kernel's parts. */
export interface KernelParts {
  store: RunStore;
  blobStore: BlobStore;
  environment: Environment;
  registry: WorkflowRegistry;
  eventSink: EventSink;
  scheduler: Scheduler;
  limits: PayloadLimits;
  retention: Retention;
  executions: Executions;
  bindAI: StageAIFactory;
  /** The native store, where it can take part in a transaction of the caller's. */
  joinable?: { runStore: RunStore; transaction(client: TransactionClient): StoreTransaction } | undefined;
}

/** The workflow, or WORKFLOW_NOT_FOUND. */
export function requireWorkflow(registry: WorkflowRegistry, workflowId: string): AnyWorkflow {
  const workflow = registry.getWorkflow(workflowId);
  if (!workflow) throw new WorkflowEngineError("WORKFLOW_NOT_FOUND", `Workflow ${workflowId} not found in registry`);
  return workflow;
}

/** The plan of a workflow this process knows; null otherwise. */
export function planOf(registry: WorkflowRegistry, workflowId: string): WorkflowPlan | null {
  return registry.getWorkflow(workflowId)?.plan ?? null;
}

/** Ids of the workflows this process can execute (P3): the registry's list, or those of waiting work that it knows. */
export async function knownWorkflowIds(parts: Pick<KernelParts, "registry" | "store">): Promise<readonly string[]> {
  const { registry, store } = parts;
  if (registry.listWorkflowIds) return registry.listWorkflowIds();
  const queued = await store.listQueuedWorkflowIds();
  return queued.filter((id) => registry.getWorkflow(id));
}

/** Says why a run's output does not fit the output its workflow declares, null when it does; undefined for a workflow that declares none. */
export function outputCheckOf(registry: WorkflowRegistry, workflowId: string): ((output: JsonText) => string | null) | undefined {
  const schema = registry.getWorkflow(workflowId)?.enforcedOutputSchema;
  return schema ? checkBy(schema, workflowId) : undefined;
}

function checkBy(schema: z.ZodType, workflowId: string): (output: JsonText) => string | null {
  return (output) => {
    if (output.includes('{"$blob":')) return null;
    const parsed = schema.safeParse(JSON.parse(output));
    return parsed.success ? null : `Output of workflow "${workflowId}" does not fit its declared output: ${describeIssues(parsed.error)}`;
  };
}
