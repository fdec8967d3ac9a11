// P24, P10: an async-batch stage writes requests and receives results; the engine does the waiting. Real SDKs, a local server, a fake clock.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { defineWorkflow } from "../../define/builder.ts";
import { defineAsyncBatchStage } from "../../define/stage.ts";
import { createTestKernel, type TestKernelOptions } from "../../testing/create-test-kernel.ts";
import type { BatchDeskOptions, ItemPlan } from "../../testing/providers/batches/batch-desk.ts";
import { type BatchServer, startBatchServer } from "../../testing/providers/batches/batch-server.ts";
import { type RequestWatch, watchRequests } from "../../testing/providers/quiet.ts";
import type { AIBatchResult, BatchRunOptions } from "./ai-batch-types.ts";
import { resolveBatchProvider } from "./resolve-batch-provider.ts";

const models = { openai: "gpt-4.1-mini", anthropic: "claude-haiku-4.5", google: "gemini-2.5-flash" } as const;
const names = ["openai", "anthropic", "google"] as const;
type Name = (typeof names)[number];
const hour = 3_600_000;
const verdict = z.object({ label: z.enum(["good", "bad"]), why: z.string() });

let server: BatchServer;
let watch: RequestWatch;
beforeEach(async () => {
  watch = await watchRequests();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  watch.stop();
  await server.close();
});

interface Setup {
  desk?: Partial<BatchDeskOptions>;
  run?: BatchRunOptions;
  count?: number;
  /** Called before the results are used. */
  onResults?(attempt: number): void;
  prompt?(attempt: number, i: number): string;
  kernel?: Partial<TestKernelOptions>;
  /** Requests that the provider takes in one batch. */
  limit?: number;
}

async function open(name: Name, { desk = {}, run = {}, count = 4, onResults, prompt, kernel = {}, limit }: Setup = {}) {
  let clock = () => 0;
  server = await startBatchServer({ now: () => clock(), lastsMs: 2 * hour, ...desk });
  vi.stubEnv("OPENAI_API_KEY", "key");
  vi.stubEnv("ANTHROPIC_API_KEY", "key");
  vi.stubEnv("GOOGLE_GENERATIVE_AI_API_KEY", "key");
  vi.stubEnv("OPENAI_BASE_URL", server.batchURLs.openai);
  vi.stubEnv("ANTHROPIC_BASE_URL", server.batchURLs.anthropic);
  vi.stubEnv("GOOGLE_GEMINI_BASE_URL", server.batchURLs.google);
  const provider = resolveBatchProvider(models[name], undefined, undefined);
  if (limit !== undefined) Object.assign(provider.batches.limits, { requests: limit });
  const seen: AIBatchResult[][] = [];
  const stage = defineAsyncBatchStage({
    id: "judge",
    name: "Judge",
    mode: "async-batch",
    schemas: { input: z.object({}), output: z.array(z.string()), config: z.object({}) },
    async execute(ctx) {
      const requests = Array.from({ length: count }, (_, i) => ({
        id: `doc-${i}`,
        prompt: prompt?.(ctx.attempt, i) ?? `Judge document ${i}`,
        schema: verdict,
        maxTokens: 100,
      }));
      const batch = await ctx.ai.batch(models[name], provider).run(requests, { pollInterval: hour / 2, ...run });
      if (batch.suspended) return batch;
      seen.push(batch.results);
      onResults?.(ctx.attempt);
      return { output: batch.results.map((result) => (result.status === "succeeded" ? result.value.label : "failed")) };
    },
  });
  const workflow = defineWorkflow({ id: "w", name: "W", input: z.object({}) })
    .pipe(stage)
    .build();
  const test = createTestKernel({ workflows: [workflow], quiet: () => watch.quiet(), ...kernel });
  clock = () => test.environment.now();
  const ledger = test.store.aiCallLogger.ledger;
  return { ...test, ledger: ledger!, seen, desk: server.desk, start: { workflowId: "w", input: {} } };
}

const creationOf = /batches$|batchGenerateContent$/;
const isCreation = ({ method, path }: { method: string; path: string }) => method === "POST" && creationOf.test(path);

describe.each(names)("%s", (name) => {
  it("P24: the stage waits for hours without a worker, and gets a value for every request", async () => {
    const { runToEnd, desk, ledger, start, environment } = await open(name);
    const before = environment.now();
    const { run, stages } = await runToEnd(start);
    expect([run.status, stages["judge"]?.outputData]).toEqual(["COMPLETED", ["good", "good", "good", "good"]]);
    expect(environment.now() - before).toBeGreaterThanOrEqual(2 * hour);
    expect([desk.batches.length, desk.violations]).toEqual([1, []]);
    const rows = await ledger.listCalls({ runId: run.id });
    expect(rows.map(({ status, callType, isEstimated }) => [status, callType, isEstimated])).toEqual(Array(5).fill(["ok", "batch", false]));
    const sum = (field: "inputTokens" | "outputTokens") => rows.reduce((total, row) => total + row[field], 0);
    expect({ inputTokens: sum("inputTokens"), outputTokens: sum("outputTokens"), answers: 4 }).toEqual(desk.billed());
    expect(run.totalTokens).toBe(desk.billed().inputTokens + desk.billed().outputTokens);
  });

  it("P24: answers that fit no schema, errors and lost lines fail alone; what is lost is unknown in the ledger, not free", async () => {
    const plans: ItemPlan[] = [{ kind: "answer", text: "{}" }, { kind: "error", message: "too long" }, { kind: "missing" }];
    const { runToEnd, seen, ledger, start } = await open(name, { desk: { planItem: ({ index }) => plans[index] } });
    const { run, stages } = await runToEnd(start);
    expect(stages["judge"]?.outputData).toEqual(["failed", "failed", "failed", "good"]);
    expect(seen[0]?.map((result) => (result.status === "failed" ? result.error : "ok"))).toEqual([
      expect.stringContaining("does not fit its schema: label"),
      expect.stringContaining("too long"),
      expect.stringContaining("no result"),
      "ok",
    ]);
    const rows = await ledger.listCalls({ runId: run.id });
    expect(rows.filter(({ costPico }) => costPico === null).map(({ metadata }) => metadata?.["requestId"])).toEqual(["doc-2"]);
  });

  it("P24: what an expired batch has done is kept, and only that is charged", async () => {
    const planItem = ({ index }: { index: number }): ItemPlan | undefined => (index > 1 ? { kind: "expired" } : undefined);
    const { runToEnd, ledger, start } = await open(name, { desk: { planItem } });
    const { run, stages } = await runToEnd(start);
    expect(stages["judge"]?.outputData).toEqual(["good", "good", "failed", "failed"]);
    expect((await ledger.listCalls({ runId: run.id })).filter(({ costPico }) => costPico === null)).toEqual([]);
  });

  it("P24: when the wait is over the batch is cancelled, and what it has done is kept", async () => {
    const { runToEnd, desk, start } = await open(name, { desk: { lastsMs: 1_000 * hour }, run: { maxWaitTime: hour } });
    const { stages } = await runToEnd(start);
    expect(stages["judge"]?.outputData).toEqual(["good", "failed", "good", "failed"]);
    expect(desk.batches.map(({ cancelledAt }) => cancelledAt !== null)).toEqual([true]);
  });

  it("P24: a creation that is answered with 500 but took effect is found again, not repeated", async () => {
    let creations = 0;
    const after: BatchDeskOptions["after"] = (request) =>
      isCreation(request) && ++creations === 1 ? { status: 500, json: { error: { message: "lost" } } } : null;
    const { runToEnd, desk, start } = await open(name, { desk: { after } });
    const { run } = await runToEnd(start);
    expect([run.status, creations, desk.batches.length]).toEqual(["COMPLETED", 1, 1]);
  });

  it("P24: rate limits and outages are waited out, while submitting and while polling", async () => {
    let creations = 0;
    let others = 0;
    const before: BatchDeskOptions["before"] = (request) => {
      if (isCreation(request)) return ++creations <= 5 ? { status: creations % 2 ? 429 : 503, json: { error: { message: "busy" } } } : null;
      if (request.method !== "GET" || desk.batches.length === 0) return null;
      others += 1;
      if (others === 2) return { status: 200, text: '{"id": "cut o' };
      return others <= 4 ? { status: 500, json: { error: { message: "down" } } } : null;
    };
    const opened = await open(name, { desk: { before } });
    const { desk } = opened;
    const { run } = await opened.runToEnd(opened.start);
    expect([run.status, creations, desk.batches.length]).toEqual(["COMPLETED", 6, 1]);
  });

  it.skipIf(name === "google")("P24: results that were cut off on their way are read again, not given up", async () => {
    let reads = 0;
    const cut: BatchDeskOptions["before"] = ({ path }) =>
      /\/content$|\/results$/.test(path) && ++reads === 1 ? { status: 200, text: '{"custom_id": "cut o' } : null;
    const { runToEnd, start, ledger } = await open(name, { desk: { before: cut } });
    const { run, stages } = await runToEnd(start);
    expect([stages["judge"]?.outputData, reads]).toEqual([["good", "good", "good", "good"], 2]);
    expect((await ledger.listCalls({ runId: run.id })).filter(({ costPico }) => costPico === null)).toEqual([]);
  });

  it("P24: a stage that fails after its results came gets them again, not a new batch", async () => {
    const { runToEnd, desk, start, ledger } = await open(name, {
      onResults: (attempt) => {
        if (attempt < 3) throw new Error("the author's own bug");
      },
    });
    const { run } = await runToEnd(start);
    expect([run.status, desk.batches.length, desk.batches[0]?.reads]).toEqual(["COMPLETED", 1, expect.any(Number)]);
    expect(await ledger.listCalls({ runId: run.id })).toHaveLength(5);
  });

  it("P24: several of the provider's batches are one to the stage, and a part that is refused fails alone", async () => {
    let creations = 0;
    const before: BatchDeskOptions["before"] = (request) =>
      isCreation(request) && ++creations === 2 ? { status: 400, json: { error: { message: "no such thing" } } } : null;
    const { runToEnd, desk, start, seen } = await open(name, { count: 5, desk: { before }, limit: 2 });
    const { stages } = await runToEnd(start);
    expect(stages["judge"]?.outputData).toEqual(["good", "good", "failed", "failed", "good"]);
    expect(seen[0]?.[2]).toMatchObject({ status: "failed", error: expect.stringContaining("no such thing") });
    expect(desk.batches.map(({ items }) => items.length)).toEqual([2, 1]);
  });

  it("a batch that the provider refuses fails the stage, with the reason, and costs nothing", async () => {
    const before: BatchDeskOptions["before"] = (request) =>
      isCreation(request) ? { status: 401, json: { error: { message: "bad key" } } } : null;
    const { runToEnd, start } = await open(name, { desk: { before } });
    const { run, stages } = await runToEnd(start);
    expect([run.status, stages["judge"]?.attempt, run.totalCost]).toEqual(["FAILED", 1, 0]);
    expect(stages["judge"]?.errorMessage).toContain("bad key");
  });
});
