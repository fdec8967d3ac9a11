// A kernel over a memory store under virtual time, and a host on it that leaves the test process's signals alone. Not part of the build.
import {
  type AnyStage,
  type AnyWorkflow,
  createKernel,
  createMemoryStore,
  createRegistry,
  defineAsyncBatchStage,
  defineStage,
  type StageContext,
  WorkflowBuilder,
} from "@bratsos/workflow-engine";
import { createFakeEnvironment } from "@bratsos/workflow-engine/kernel/testing";
import { z } from "zod";
import { createNodeHost, type NodeHostConfig } from "./node-host.ts";

const schemas = { input: z.unknown(), output: z.unknown(), config: z.looseObject({}) };

/** A stage that does this. */
export function step(id: string, execute: (ctx: StageContext) => unknown): AnyStage {
  return defineStage({ id, name: id.toUpperCase(), schemas, execute: async (ctx) => ({ output: await execute(ctx as StageContext) }) });
}

/** A stage that suspends and is looked at every second with `check`. */
export function polled(id: string, check: () => Promise<{ ready: boolean; output?: unknown }>): AnyStage {
  return defineAsyncBatchStage({
    ...{ id, name: id.toUpperCase(), mode: "async-batch" as const, schemas },
    execute: async () => ({ suspended: true, state: { batchId: "b" }, pollConfig: { pollInterval: 1_000 } }),
    checkCompletion: check,
  });
}

/** Workflow `w` of these stages, one after the other. */
export function workflowOf(...stages: AnyStage[]): AnyWorkflow {
  const builder = new WorkflowBuilder("w", "W", "", z.unknown(), z.unknown());
  for (const stage of stages) (builder as unknown as { pipe(stage: AnyStage): unknown }).pipe(stage);
  return builder.build();
}

/** Opens a host, not yet started. */
export function openHost(workflow: AnyWorkflow, options: Partial<NodeHostConfig> = {}) {
  const environment = createFakeEnvironment();
  const store = createMemoryStore({ environment });
  const kernel = createKernel({ ...store, registry: createRegistry([workflow]) });
  const errors: unknown[] = [];
  const host = createNodeHost({ kernel, workerId: "w1", handleSignals: false, onError: (error) => errors.push(error), ...options });
  let keys = 0;
  const create = async (): Promise<string> => {
    keys += 1;
    return (await kernel.dispatch({ type: "run.create", idempotencyKey: `k${keys}`, workflowId: "w", input: {} })).workflowRunId;
  };
  const stageOf = (runId: string, stageId: string) => store.persistence.getStage(runId, stageId);
  return { environment, store, kernel, host, errors, create, stageOf };
}
