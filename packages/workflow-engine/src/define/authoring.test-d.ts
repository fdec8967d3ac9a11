// How users of the published package write stages and workflows, in our words: all of it must compile, with these types.

import { z } from "zod";
import {
  type AnyStage,
  type AnyWorkflow,
  createStageIds,
  defineAsyncBatchStage,
  defineStage,
  defineWorkflow,
  type InferInput,
  type InferRunInput,
  type InferStageOutputById,
  type InferWorkflowContext,
  type InferWorkflowInput,
  type InferWorkflowOutput,
  type InferWorkflowStageIds,
  type SimpleStageResult,
  type StageStorage,
  type SuspendedState,
  type UntypedContext,
  type Workflow,
  WorkflowBuilder,
  withAIConfig,
  withStandardConfig,
} from "./index.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Expect<T extends true> = T;
declare function check<_T extends true>(): void;

const Document = z.object({ url: z.url(), language: z.string().default("en") });

const extract = defineStage({
  id: "extract-text",
  name: "Extract Text",
  schemas: {
    input: Document,
    output: z.object({ text: z.string(), wordCount: z.number() }),
    config: z.object({ maxLength: z.number().default(50_000) }),
  },
  retry: { maxAttempts: 5, jitter: 0.1, retryOn: (error) => error instanceof TypeError },
  timeoutMs: 30_000,
  budget: { usd: 0.5 },
  async execute(ctx) {
    check<Equal<typeof ctx.input, { url: string; language: string }>>();
    check<Equal<typeof ctx.config, { maxLength: number }>>();
    check<Equal<typeof ctx.signal, AbortSignal>>();
    check<Equal<typeof ctx.storage, StageStorage>>();
    check<Equal<[typeof ctx.attempt, typeof ctx.executionId], [number, string]>>();
    const text = ctx.input.url.slice(0, ctx.config.maxLength);
    ctx.log("INFO", "Extraction complete", { length: text.length });
    ctx.onProgress({ progress: 0.5, message: "half" });
    // @ts-expect-error no such level
    ctx.log("LOUD", "x");
    return { output: { text, wordCount: text.split(/\s+/).length } };
  },
});

const analyze = defineStage({
  id: "analyze",
  name: "Analyze Content",
  schemas: { input: "none", output: z.object({ topics: z.array(z.string()) }), config: withAIConfig(z.object({ topicCount: z.number() })) },
  estimateCost: (_input, config) => config.topicCount * 0.01,
  async execute(ctx) {
    const extracted = ctx.require("extract-text");
    const summary = ctx.optional("summarize");
    const model: string = ctx.config.model;
    return { output: { topics: [extracted.text.toLowerCase(), String(summary), model] } };
  },
});

const summarize = defineStage<{ "extract-text": { text: string }; analyze?: { topics: string[] } }>()({
  id: "summarize",
  name: "Summarize",
  schemas: { input: z.object({ text: z.string() }), output: z.object({ summary: z.string() }), config: z.object({}) },
  async execute(ctx) {
    check<Equal<ReturnType<typeof ctx.require<"analyze">>, { topics: string[] }>>();
    check<Equal<ReturnType<typeof ctx.optional<"analyze">>, { topics: string[] } | undefined>>();
    // @ts-expect-error a stage that was not declared
    ctx.require("extract");
    return { output: { summary: ctx.require("extract-text").text } };
  },
});

const batch = defineAsyncBatchStage({
  id: "batch-process",
  name: "Batch Processing",
  mode: "async-batch",
  schemas: {
    input: z.object({ analyze: z.object({ topics: z.array(z.string()) }), summarize: z.object({ summary: z.string() }) }),
    output: z.object({ done: z.boolean() }),
    config: withStandardConfig(z.object({})),
  },
  async execute(ctx) {
    check<Equal<typeof ctx.resumeState, SuspendedState | undefined>>();
    if (ctx.resumeState) return { output: { done: ctx.resumeState.batchId !== "" } };
    return {
      suspended: true,
      state: { batchId: ctx.input.summarize.summary },
      pollConfig: { pollInterval: 3_600_000, maxWaitTime: 86_400_000, nextPollAt: new Date(0) },
    };
  },
  async checkCompletion(state) {
    if (state.batchId === "completed") return { ready: true, output: { done: true } };
    if (state.batchId === "failed") return { ready: false, error: "Batch failed" };
    return { ready: false };
  },
});

defineStage({
  id: "returns-wrong",
  name: "Returns wrong",
  schemas: { input: Document, output: z.object({ n: z.number() }), config: z.object({}) },
  // @ts-expect-error the output is not what the schema says
  async execute() {
    return { output: { n: "1" } };
  },
});

// without a checkCompletion the engine looks at the stage's AI batch
defineAsyncBatchStage({
  id: "no-check",
  name: "No check",
  mode: "async-batch",
  schemas: { input: Document, output: z.object({}), config: z.object({}) },
  async execute() {
    return { suspended: true, state: { batchId: "b" } };
  },
});

export const workflow = new WorkflowBuilder("document-processor", "Document Processor", "Extracts and summarizes", Document, Document)
  .pipe(extract)
  .parallel([analyze, summarize], { onFailure: "await" })
  .pipe(batch)
  .build();
type W = typeof workflow;

export type Assertions = [
  Expect<Equal<(typeof extract)["id"], "extract-text">>,
  Expect<Equal<InferInput<"none">, Record<string, never>>>,
  Expect<Equal<InferInput<typeof Document>, { url: string; language: string }>>,
  Expect<Equal<InferWorkflowInput<W>, { url: string; language: string }>>,
  Expect<Equal<InferRunInput<W>, { url: string; language?: string | undefined }>>,
  Expect<Equal<InferWorkflowOutput<W>, { done: boolean }>>,
  Expect<Equal<InferWorkflowStageIds<W>, "extract-text" | "analyze" | "summarize" | "batch-process">>,
  Expect<Equal<InferStageOutputById<W, "extract-text">, { text: string; wordCount: number }>>,
  Expect<
    Equal<
      InferWorkflowContext<W>,
      {
        "extract-text": { text: string; wordCount: number };
        analyze: { topics: string[] };
        summarize: { summary: string };
        "batch-process": { done: boolean };
      }
    >
  >,
];

// A registry holds workflows and stages of any types.
const registered: Record<string, Workflow<any, any, any>> = { workflow };
export const erased: [AnyWorkflow, AnyStage[], typeof registered] = [workflow, [extract, analyze, summarize, batch], registered];
export const untyped: UntypedContext = { "extract-text": { text: "" } };
export const result: SimpleStageResult<{ n: number }> = { output: { n: 1 }, customMetrics: { pages: 3 } };

const ids = createStageIds(workflow);
check<Equal<[typeof ids.EXTRACT_TEXT, typeof ids.BATCH_PROCESS], ["extract-text", "batch-process"]>>();

// A record of parallel stages: keyed by stage id all the same. A derived output is that of the last group.
const derived = defineWorkflow({ id: "derived", name: "Derived", input: Document })
  .pipe(extract)
  .parallel({ a: analyze, s: summarize })
  .build();
check<
  Equal<
    [InferWorkflowOutput<typeof derived>["analyze"], InferWorkflowOutput<typeof derived>["summarize"]],
    [{ topics: string[] }, { summary: string }]
  >
>();

// A declared output is enforced, and its parsed form is the run's output.
const Report = z.object({ summary: z.string(), version: z.number().default(1) });
const declared = defineWorkflow({ id: "declared", name: "Declared", input: Document, output: Report, budget: { usd: 1, onExceed: "hold" } })
  .pipe(extract)
  .pipe(summarize)
  .build();
check<Equal<InferWorkflowOutput<typeof declared>, { summary: string; version: number }>>();

// A stage defined in place keeps its literal id and infers its own types.
const inPlace = defineWorkflow({ id: "in-place", name: "In place", input: Document })
  .pipe(
    defineStage({
      id: "count",
      name: "Count",
      schemas: { input: z.object({ url: z.string() }), output: z.object({ n: z.number() }), config: z.object({}) },
      execute: async (ctx) => ({ output: { n: ctx.input.url.length } }),
    }),
  )
  .parallel([
    defineStage({
      id: "double",
      name: "Double",
      schemas: { input: z.object({ n: z.number() }), output: z.number(), config: z.object({}) },
      execute: (ctx) => ({ output: ctx.input.n * 2 }),
    }),
  ])
  .build();
check<Equal<InferWorkflowContext<typeof inPlace>, { count: { n: number }; double: number }>>();

// What does not fit does not compile; compile-errors.test.ts reads the messages.
const start = new WorkflowBuilder("w", "W", "", Document, Document);
// @ts-expect-error the input has no text
start.pipe(summarize);
// @ts-expect-error analyze and summarize are not there
start.pipe(extract).pipe(batch);
// @ts-expect-error one of the group does not fit
start.pipe(extract).parallel([summarize, extract]);
// @ts-expect-error one of the record does not fit
start.pipe(extract).parallel({ a: summarize, b: batch });
// @ts-expect-error the declared output is not met
defineWorkflow({ id: "w", name: "W", input: Document, output: Report }).pipe(extract).build();
start.pipe(extract).pipe(analyze);
