// Workflows that spend money at the provider server whose URL is in E2E_PROVIDER: one call a stage and more, under every kind of trouble.
import { type AnyWorkflow, createProviderResolver, defineStage, defineWorkflow } from "@bratsos/workflow-engine";
import { z } from "zod";

const model = "gpt-4.1-mini";
const number = z.object({ n: z.number() });
const spent = z.object({ executionId: z.string() });

function spend(id: string, calls: number) {
  return defineStage({
    id,
    name: `Spend in ${id}`,
    schemas: { input: z.unknown(), output: spent, config: z.object({}) },
    retry: { maxAttempts: 4, initialMs: 30, maxMs: 100 },
    execute: async (ctx) => {
      const ask = (i: number) => {
        const prompt = `${ctx.workflowRunId}/${id}/${ctx.executionId}/${i}`;
        return ctx.ai.generateText(model, prompt, { maxTokens: 500, maxRetries: 1 });
      };
      await Promise.all(Array.from({ length: calls }, (_, i) => ask(i)));
      return { output: { executionId: ctx.executionId } };
    },
  });
}

/** The workflows that worker and test share. */
export const moneyWorkflows: AnyWorkflow[] = [
  defineWorkflow({ id: "money", name: "Money", input: number })
    .pipe(spend("first", 1))
    .parallel([spend("left", 2), spend("right", 1)])
    .pipe(spend("last", 1))
    .build(),
];

/** Reaches the provider server. */
export function moneyResolver(): ReturnType<typeof createProviderResolver> {
  return createProviderResolver({ openai: { apiKey: "test", baseURL: `${process.env["E2E_PROVIDER"]}/v1` } });
}
