// Model calls under a budget that does not last: stages are held, the client raises it, and what is on the ledger stays within it.
import { z } from "zod";
import { WorkflowBuilder } from "../../define/builder.ts";
import type { AnyStage } from "../../define/stage.ts";
import type { AnyWorkflow } from "../../define/workflow.ts";
import { step } from "../workflows.ts";
import type { CorpusEntry } from "./corpus-entry.ts";

const model = "gemini-2.5-flash";
/** Tokens a call may take at most; it is billed for a few of them. */
const maxTokens = 100;
const firstLimit = 250;
const lastLimit = 100_000;

interface Builder {
  pipe(stage: AnyStage): Builder;
  parallel(stages: readonly AnyStage[]): Builder;
  build(): AnyWorkflow;
}

/** A stage that asks a model. */
export function ask(id: string, budget?: { tokens: number }): AnyStage {
  const stage = step(id, async (ctx) => {
    const { text } = await ctx.ai.generateText(model, `question of ${id}`, { maxTokens, maxRetries: 0 });
    return { by: ctx.executionId, text };
  });
  return budget ? { ...stage, budget } : stage;
}

/** A run whose stages ask models, with a budget that is raised while they do. */
export const budget: CorpusEntry = {
  name: "budget",
  needsBudgets: true,
  workflow: () => {
    const options = { budget: { tokens: firstLimit, onExceed: "hold" as const } };
    const builder = new WorkflowBuilder("budget", "Budget", "", z.unknown(), z.unknown(), options) as unknown as Builder;
    return builder
      .pipe(ask("first"))
      .parallel([ask("p1"), ask("p2"), ask("p3", { tokens: 10 })])
      .pipe(ask("last"))
      .build();
  },
  script: async (client) => {
    const runId = await client.create();
    // any moment: before a call is refused, between the refusal and its commit, after it
    await client.sleep(client.random() * 60);
    await client.raiseBudget(runId, { tokens: firstLimit * 2 });
    await client.sleep(client.random() < 0.5 ? client.random() * 100 : client.random() * 20_000);
    const raises = [{ tokens: lastLimit }, { tokens: lastLimit, stageId: "p3" }];
    for (const raise of client.random() < 0.5 ? raises : raises.reverse()) await client.raiseBudget(runId, raise);
  },
  invariants: {
    "P23 nothing is spent beyond the budget": ({ runs }) => {
      const spent = runs[0]?.run.totalTokens ?? 0;
      return spent <= lastLimit || `${spent} tokens were spent of ${lastLimit}`;
    },
  },
};
