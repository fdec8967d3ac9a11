// Ended runs as real ones leave them, on PostgreSQL: most COMPLETED at the first try, some after a retry, some FAILED or CANCELLED, each
// with its key, its published events, log lines, a model call. `multiplyRuns` makes a history of them.
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { ofOneMoment } from "../../../../tools/postgres/multiply-runs.ts";
import { createKernel } from "../defaults.ts";
import { defineWorkflow } from "../define/builder.ts";
import { defineStage } from "../define/stage.ts";
import { realEnvironment } from "../environment.ts";
import { FatalError } from "../errors.ts";
import { createRegistry } from "../kernel/registry.ts";
import { CollectingEventSink } from "../kernel/testing/index.ts";
import type { AICallInput } from "../ports/ledger.ts";
import { createPostgresStore, type PostgresStore } from "../sql/postgres.ts";
import { startHost } from "./loop-host.ts";

const fewRuns = 100;
const ended = ["COMPLETED", "FAILED", "CANCELLED"];
const Input = z.object({ n: z.number() });
const aDay = 24 * 60 * 60_000;

const stages = ["first", "second", "third"].map((id) => {
  return defineStage({
    id,
    name: id,
    schemas: { input: Input, output: Input, config: z.object({}) },
    retry: { initialMs: 1, jitter: 0 },
    execute: async (ctx) => {
      const { n } = ctx.input;
      ctx.log("INFO", `stage ${id} of run ${n}`);
      if (id === "second" && n % 5 === 0 && ctx.attempt === 1) throw new Error("fails once");
      if (id === "third" && n % 25 === 1) throw new FatalError("fails for good");
      if (id === "third" && n % 10 === 2) await ctx.storage.save("page", { of: n });
      return { output: { n } };
    },
  });
});

/** The workflow whose runs these are. */
export const threeStages = defineWorkflow({ id: "three-stages", name: "Three stages", input: Input })
  .pipe(stages[0]!)
  .pipe(stages[1]!)
  .pipe(stages[2]!)
  .build();

/** Runs a hundred of them to their ends in a new schema. */
export async function leaveEndedRuns(connectionString: string, schema: string): Promise<void> {
  const environment = { ...realEnvironment, newId: ofOneMoment(realEnvironment.newId) };
  const store = createPostgresStore({ connectionString, schema, environment });
  const kernel = createKernel({ ...store, eventSink: new CollectingEventSink(), registry: createRegistry([threeStages]) });
  const host = startHost(kernel);
  for (let n = 0; n < fewRuns; n++) {
    const startAt = n % 50 === 3 ? new Date(environment.now() + aDay) : undefined;
    const create = { type: "run.create", idempotencyKey: environment.newId(), workflowId: threeStages.id, input: { n }, startAt } as const;
    const { workflowRunId } = await kernel.dispatch(create);
    await store.aiCallLogger.record(callOf(workflowRunId));
    if (startAt) await kernel.dispatch({ type: "run.cancel", workflowRunId });
  }
  while (!(await hasSettled(store))) await sleep(20);
  await host.stop();
  await store.close();
}

function callOf(runId: string): AICallInput {
  const names = { topic: `workflow.${runId}.stage.first`, callType: "text", modelKey: "a-model", modelId: "maker/a-model" } as const;
  return { ...names, prompt: "What?", response: "That.", inputTokens: 10, outputTokens: 5, cost: 0.001 };
}

/** True once every run has ended and every event has been told. */
async function hasSettled({ reader, persistence }: PostgresStore): Promise<boolean> {
  const counts = await reader.countRuns();
  return counts.every(({ status }) => ended.includes(status)) && (await persistence.getUnpublishedOutboxEvents(1)).length === 0;
}
