// The values behind names that the older pages use and do not declare: everything of ours, in memory, at work.
import {
  type AnyWorkflow,
  createKernel,
  createMemoryStore,
  createWorkflowRuntime,
  defineStage,
  type EnhancedStageContext,
  WorkflowBuilder,
} from "@bratsos/workflow-engine";
import { CollectingEventSink, InMemoryBlobStore, NoopScheduler } from "@bratsos/workflow-engine/kernel/testing";
import { createServerlessHost } from "@bratsos/workflow-engine-host-serverless";
import { z } from "zod";
import { documentProcessorWorkflow } from "./workflows/document-processor.ts";

export type {
  AICallLogger,
  CreateOutboxEventInput,
  JobTransport as JobQueue,
  OutboxRecord,
  Persistence as WorkflowPersistence,
  Workflow,
  WorkflowRegistry,
} from "@bratsos/workflow-engine";
export {
  createAIHelper,
  createKernel,
  createWorkflowRuntime,
  defineStage,
  WorkflowBuilder,
} from "@bratsos/workflow-engine";
export { createNodeHost } from "@bratsos/workflow-engine-host-node";
export { createServerlessHost } from "@bratsos/workflow-engine-host-serverless";
export { z } from "zod";
export { documentProcessorWorkflow } from "./workflows/document-processor.ts";

const anything = { input: z.object({}).loose(), output: z.object({}).loose(), config: z.object({}).loose() };
const stageNamed = (id: string) => defineStage({ id, name: id, schemas: anything, execute: async () => ({ output: {} }) });

export const extractStage = stageNamed("extract-text");
export const analyzeStage = stageNamed("analyze");
export const sentimentAnalysisStage = stageNamed("sentiment");
export const keywordExtractionStage = stageNamed("keywords");
export const languageDetectionStage = stageNamed("language");
export const aggregateResultsStage = stageNamed("aggregate");
export const [stageA, stageB, stageC, stageD, stageE] = [
  ...[stageNamed("stage-a"), stageNamed("stage-b"), stageNamed("stage-c"), stageNamed("stage-d"), stageNamed("stage-e")],
] as const;

export const id = "my-workflow";
export const name = "My workflow";
export const description = "What it does";
export const [inputSchema, outputSchema] = [anything.input, anything.output];
export const [InputSchema, OutputSchema] = [z.object({ prompts: z.array(z.string()) }), z.object({ results: z.array(z.string()) })];
export const [AnalysisOutputSchema, ConfigSchema] = [z.object({}), z.object({})];
export const builderArguments = [id, name, description, inputSchema, outputSchema] as const;

export const myWorkflow = new WorkflowBuilder(...builderArguments).pipe(extractStage).build();
export const dataProcessingWorkflow = new WorkflowBuilder("data-processing", "Data", "", inputSchema, outputSchema)
  .pipe(analyzeStage)
  .build();
export const documentAnalysisWorkflow = new WorkflowBuilder(
  ...(["document-analysis", "Documents", "", z.object({ documentUrl: z.string() }), anything.output] as const),
)
  .pipe(
    defineStage({
      ...{ id: "extract", name: "Extract", schemas: { ...anything, config: z.object({ maxLength: z.number().default(9) }) } },
      execute: async () => ({ output: {} }),
    }),
  )
  .build();
const byId: Record<string, AnyWorkflow> = {
  "my-workflow": myWorkflow,
  "data-processing": dataProcessingWorkflow,
  "document-analysis": documentAnalysisWorkflow,
  "document-processor": documentProcessorWorkflow,
};
export const workflowMap = Object.assign(new Map(Object.entries(byId)), byId) as Map<string, AnyWorkflow> & Record<string, AnyWorkflow>;
export const priorityMap: Record<string, number> = { "document-analysis": 8 };

const store = createMemoryStore();
export const { persistence, jobTransport, aiCallLogger } = store;
export const myBlobStore = new InMemoryBlobStore();
export const myEventSink = new CollectingEventSink();
export const myScheduler = new NoopScheduler();
const registry = { getWorkflow: (workflowId: string) => byId[workflowId] };
export const kernelParts = { ...store, registry };
export const kernel = createKernel(kernelParts);
export const host = createServerlessHost({ kernel, jobTransport, workerId: "my-worker" });
export const config = { ...store, registry, workerId: "worker-1" };
export const runtime = createWorkflowRuntime(config);

const first = await kernel.dispatch({ type: "run.create", idempotencyKey: "first", workflowId: "my-workflow", input: {} });
export const { workflowRunId } = first;
await kernel.dispatch({ type: "run.claimPending", workerId: "w" });
export const stageRecordId = (await persistence.getStage(workflowRunId, "extract-text"))?.id ?? "";
const job = await jobTransport.dequeue();
if (!job) throw new Error("the first run has no job");
/** A message of a platform's queue; its body is the job, and so is it itself. */
export const msg = { ...job, id: job.jobId, body: job, ack: () => undefined, retry: () => undefined };

export const items = ["a", "b"];
export const submitBatch = async (prompts: string[]) => ({ id: `batch-${prompts.length}` });
export const checkBatchStatus = async (batchId: string): Promise<"completed" | "failed" | "running"> => (batchId ? "completed" : "failed");
export const fetchBatchResults = async (batchId: string) => ({ results: [batchId] });
export const processDocument = async (input: { text: string }) => input.text.length;
export const metrics = { increment: (_name: string) => undefined };
export const logger = { info: (_line: string) => undefined };
/** As much of a web framework as a page needs. */
export const app = {
  post: (
    _path: string,
    _handle: (req: { params: { id: string }; body: Record<string, unknown> }, res: { json(body: unknown): void }) => unknown,
  ) => undefined,
};

/** A stage of which a page shows `execute` alone. */
export interface ShownStage {
  execute(ctx: EnhancedStageContext<{ text: string }, Record<string, unknown>>): Promise<unknown>;
}

/** Executes a shown stage in a run of its own. */
export async function runShown(shown: ShownStage): Promise<void> {
  const stage = defineStage({
    ...{ id: "shown", name: "Shown", schemas: { ...anything, input: z.object({ text: z.string() }), output: z.unknown() } },
    execute: async (ctx) => ({ output: (await shown.execute(ctx as never)) ?? null }),
  });
  const workflow = new WorkflowBuilder("shown", "Shown", "", stage.inputSchema, z.unknown()).pipe(stage).build();
  const own = createKernel({ ...createMemoryStore(), registry: { getWorkflow: () => workflow } });
  const command = { type: "run.create", idempotencyKey: "k", workflowId: "shown", input: { text: "some text" } } as const;
  const created = await own.dispatch(command);
  await own.dispatch({ type: "run.claimPending", workerId: "w" });
  const end = await own.dispatch({ type: "job.execute", workflowRunId: created.workflowRunId, workflowId: "shown", stageId: "shown" });
  if (end.outcome !== "completed") throw new Error(end.error);
}
