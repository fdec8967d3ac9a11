// The serverless host on workerd, Cloudflare's own runtime, against a PostgreSQL over TCP sockets: jobs through the platform's queue, ticks from
// its cron trigger, one store an invocation. P14: a Worker that is gone in the middle leaves nothing that another does not finish.
import type { RunDetail } from "@bratsos/workflow-engine";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { Miniflare } from "miniflare";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../tools/postgres/test-databases.ts";
import { bundleWorker } from "./bundle.ts";

let script: string;
let database: TestDatabase;
let workers: Miniflare[];
beforeAll(async () => {
  script = await bundleWorker("./worker.ts");
});
beforeEach(async () => {
  database = await createTestDatabase();
  workers = [];
});
afterEach(async () => {
  await Promise.all(workers.map((each) => each.dispose().catch(() => undefined)));
  await database.drop();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A Worker with its queue and cron trigger. */
function startWorker() {
  const miniflare = new Miniflare({
    ...{ modules: true, script, compatibilityDate: "2026-06-01", compatibilityFlags: ["nodejs_compat"] },
    bindings: { DATABASE_URL: database.url },
    queueProducers: { JOBS: "jobs" },
    queueConsumers: { jobs: { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 10 } },
  });
  workers.push(miniflare);
  const tick = async (): Promise<void> => {
    const worker = (await miniflare.getWorker()) as unknown as { scheduled(options: { cron: string }): Promise<unknown> };
    await worker.scheduled({ cron: "* * * * *" });
  };
  const create = async (key: string, input: object): Promise<string> => {
    const response = await miniflare.dispatchFetch(`http://worker/${key}`, { method: "POST", body: JSON.stringify(input) });
    return ((await response.json()) as { workflowRunId: string }).workflowRunId;
  };
  const detailOf = async (runId: string) => (await (await miniflare.dispatchFetch(`http://worker/${runId}`)).json()) as RunDetail;
  return { tick, create, detailOf, dispose: () => miniflare.dispose() };
}

it("runs with a parallel group, a retry and a suspension go to their ends", { timeout: 90_000 }, async () => {
  const { tick, create, detailOf } = startWorker();
  const runIds = await Promise.all(Array.from({ length: 5 }, (_, n) => create(`run-${n}`, { n })));
  for (const [n, runId] of runIds.entries()) {
    let detail = await detailOf(runId);
    for (; detail.run.status !== "COMPLETED" && detail.run.status !== "FAILED"; detail = await detailOf(runId)) {
      await tick();
      await pause(50);
    }
    expect(detail.run).toMatchObject({ status: "COMPLETED", output: { n: (n + 1) * 110 } });
    expect(detail.stages.find(({ stageId }) => stageId === "flaky")).toMatchObject({ status: "COMPLETED", attempt: 2 });
  }
});

it("P14: a Worker that is gone in the middle: another one finishes the run", { timeout: 90_000 }, async () => {
  const first = startWorker();
  const runId = await first.create("slow", { n: 1, slowMs: 60_000 });
  await first.tick();
  const store = createPostgresStore({ connectionString: database.url, notify: false });
  try {
    const stageOf = async () => (await store.reader.getRunDetail(runId))?.stages.find(({ stageId }) => stageId === "start");
    while ((await stageOf())?.status !== "RUNNING") await pause(50);
    await first.dispose();
    await database.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    const second = startWorker();
    for (let detail = await second.detailOf(runId); detail.run.status !== "COMPLETED"; detail = await second.detailOf(runId)) {
      await second.tick();
      await pause(200);
    }
    const attempts = (await store.reader.listAttempts(runId, "start")).map(({ attempt, status }) => `${attempt} ${status}`);
    expect(attempts).toEqual(["1 LOST", "2 COMPLETED"]);
    const ends = (await store.reader.listEvents(runId, 0, 100)).filter(({ eventType }) => eventType === "stage:completed");
    expect(ends).toHaveLength(4);
  } finally {
    await store.close();
  }
});
