// One workflow, every host, every store: the same rows and the same events, whoever drives the kernel. What differs is told here and
// nowhere else: ids, instants, workers, and the order of what happens side by side.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStore, type Environment } from "@bratsos/workflow-engine";
import { createFakeEnvironment } from "@bratsos/workflow-engine/kernel/testing";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../tools/postgres/test-databases.ts";
import { bindings } from "./bindings.ts";
import { pictureOf } from "./picture.ts";

const stores = {
  memory: async (environment: Environment) => ({ store: createMemoryStore({ environment }), dispose: () => undefined }),
  sqlite: async (environment: Environment) => {
    const folder = mkdtempSync(join(tmpdir(), "parity-"));
    const store = createSqliteStore({ path: join(folder, "runs.db"), environment });
    return { store, dispose: () => rmSync(folder, { recursive: true, force: true }) };
  },
  postgres: async (environment: Environment) => {
    const { url, drop } = await createTestDatabase();
    const store = createPostgresStore({ connectionString: url, environment, now: () => environment.now() });
    return { store, dispose: drop };
  },
};

const started = (stageId: string) => `stage:started ${stageId}`;
const completed = (stageId: string) => `stage:completed ${stageId}`;
const retrying = (attempt: number) => `stage:retrying flaky {"attempt":${attempt},"error":"attempt ${attempt} failed"}`;

/** What the rows and events of run 4 say, by whatever host. */
const expected = {
  run: { status: "COMPLETED", output: { total: 555 }, errorMessage: null, priority: 5, input: { n: 4 }, metadata: { by: "suite" } },
  stages: [
    { stageId: "batch", status: "COMPLETED", attempt: 1, group: 3, output: { n: 550 }, error: null, next: null },
    { stageId: "finish", status: "COMPLETED", attempt: 1, group: 4, output: { total: 555 }, error: null, next: null },
    { stageId: "flaky", status: "COMPLETED", attempt: 3, group: 2, output: { n: 50 }, error: null, next: null },
    { stageId: "start", status: "COMPLETED", attempt: 1, group: 1, output: { n: 5 }, error: null, next: null },
    { stageId: "steady", status: "COMPLETED", attempt: 1, group: 2, output: { n: 500 }, error: null, next: null },
  ],
  attempts: [
    ...["batch 1 SUSPENDED null", "batch 1 COMPLETED null", "finish 1 COMPLETED null"],
    ...["flaky 1 FAILED attempt 1 failed", "flaky 2 FAILED attempt 2 failed", "flaky 3 COMPLETED null"],
    ...["start 1 COMPLETED null", "steady 1 COMPLETED null"],
  ],
  logs: ['start INFO starting {"n":4}'],
  artifacts: ["report"],
  runEvents: ["workflow:created", "workflow:started", "workflow:suspended batch", "workflow:completed"],
  stageEvents: {
    start: [started("start"), completed("start")],
    flaky: [started("flaky"), retrying(1), started("flaky"), retrying(2), started("flaky"), completed("flaky")],
    steady: [started("steady"), 'stage:progress steady {"progress":50,"message":"half"}', completed("steady")],
    batch: [started("batch"), "stage:suspended batch", started("batch"), completed("batch")],
    finish: [started("finish"), completed("finish")],
  },
};

for (const [storeName, openStore] of Object.entries(stores)) {
  describe(`the same run on ${storeName}`, () => {
    for (const { name, run } of bindings) {
      it(`under ${name}`, async () => {
        const environment = createFakeEnvironment();
        const { store, dispose } = await openStore(environment);
        try {
          const runId = await run({ store, environment, input: { n: 4 }, metadata: { by: "suite" } });
          expect(await pictureOf(store.reader, store.persistence, runId)).toEqual(expected);
        } finally {
          await store.close();
          await dispose();
        }
      });
    }
  });
}
