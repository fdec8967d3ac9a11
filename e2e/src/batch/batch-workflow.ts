// The workflow of the batch crash tests: one stage that waits for a batch of a provider, another that counts what came.
import { defineAsyncBatchStage, defineStage, defineWorkflow } from "@bratsos/workflow-engine";
import { z } from "zod";

/** Providers, and a model of each. */
export const models = { openai: "gpt-4.1-mini", anthropic: "claude-haiku-4.5", google: "gemini-2.5-flash" } as const;

/** A provider's name. */
export type ProviderName = keyof typeof models;

/** Requests of a batch. */
export const requestCount = 6;

const Answers = z.array(z.object({ id: z.string(), status: z.string(), answer: z.string() }));

const ask = defineAsyncBatchStage({
  id: "ask",
  name: "Ask",
  mode: "async-batch",
  schemas: { input: z.object({ provider: z.enum(["openai", "anthropic", "google"]) }), output: Answers, config: z.object({}) },
  retry: { maxAttempts: 10, initialMs: 500, maxMs: 2_000 },
  async execute(ctx) {
    const requests = Array.from({ length: requestCount }, (_, i) => ({
      id: `q-${i}`,
      prompt: `question ${i} of attempt-independent text`,
      schema: z.object({ answer: z.string() }),
      maxTokens: 50,
    }));
    const batch = await ctx.ai.batch(models[ctx.input.provider]).run(requests, { pollInterval: 2_000 });
    if (batch.suspended) return batch;
    return {
      output: batch.results.map((result) => ({
        id: result.id,
        status: result.status,
        answer: result.status === "succeeded" ? result.value.answer : result.error,
      })),
    };
  },
});

const tally = defineStage({
  id: "tally",
  name: "Tally",
  schemas: { input: Answers, output: z.object({ good: z.number() }), config: z.object({}) },
  execute: ({ input }) => ({ output: { good: input.filter(({ status }) => status === "succeeded").length } }),
});

/** The workflow. */
export const batchWorkflow = defineWorkflow({
  id: "batch",
  name: "Batch",
  input: z.object({ provider: z.enum(["openai", "anthropic", "google"]) }),
})
  .pipe(ask)
  .pipe(tally)
  .build();
