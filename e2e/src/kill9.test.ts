// P13, P14, P18 with real processes: workers on one SQLite file are killed with SIGKILL again and again; nothing is lost or doubled.
// `npm test` runs reduced counts, `npm run prove` the full ones.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordFigure } from "../../tools/figures.ts";
import { auditRuns } from "./audit.ts";
import { linesOf } from "./journal.ts";
import { createMixedRun, executionsOf, pause, untilEnded, untilPublished } from "./mixed-runs.ts";
import { shortLeases, Workers } from "./workers.ts";
import { workflows } from "./workflows.ts";

const isFull = process.env["PROOF"] === "full";
const counts = isFull ? { runs: 500, kills: 30, everyMs: 300 } : { runs: 80, kills: 8, everyMs: 200 };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kill9-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("kill -9", () => {
  it(`P14: ${counts.runs} runs on 4 workers, ${counts.kills} of them killed, all end as they should`, { timeout: 280_000 }, async () => {
    const path = join(folder, "runs.db");
    const store = createSqliteStore({ path });
    const kernel = createKernel({ ...store, registry: createRegistry(workflows) });
    const workers = new Workers(join(folder, "journal"));
    try {
      await Promise.all([1, 2, 3, 4].map(() => workers.start({ store: "sqlite", place: path, ...shortLeases })));
      const creating = Array.from({ length: counts.runs }, async (_, n) => {
        await pause((n / counts.runs) * counts.kills * counts.everyMs * 0.5);
        return createMixedRun(kernel, n);
      });
      for (let kill = 0; kill < counts.kills; kill++) {
        await pause(counts.everyMs);
        void workers.replace(((kill * 7) % 4) / 4).catch(() => undefined);
      }
      const runs = await Promise.all(creating);
      await untilEnded(store.reader, 120_000);
      await untilPublished(
        store.reader,
        runs.map(([runId]) => runId),
      );
      expect(await auditRuns(store.reader, runs)).toEqual([]);
      // a kill that hits nobody at work proves little: most of them must have cost executions
      const executions = linesOf(join(folder, "journal"), "run").length;
      expect(executions).toBeGreaterThan(executionsOf(counts.runs) + counts.kills);
      recordFigure({ promise: "P14", claim: "runs that ended as they should under SIGKILL", figure: runs.length, store: "sqlite" });
      recordFigure({ promise: "P14", claim: "workers killed", figure: counts.kills, store: "sqlite" });
      recordFigure({ promise: "P14", claim: "executions begun", figure: executions, store: "sqlite" });
    } finally {
      await workers.close();
      await store.close();
    }
  });

  it("P14: a stage that kills its process ends FAILED after maxAttempts", { timeout: 120_000 }, async () => {
    const path = join(folder, "poison.db");
    const journal = join(folder, "journal");
    const store = createSqliteStore({ path });
    const kernel = createKernel({ ...store, registry: createRegistry(workflows) });
    const workers = new Workers(journal);
    try {
      await workers.start({ store: "sqlite", place: path, ...shortLeases, staleLeaseThresholdMs: 600 });
      const command = { type: "run.create", idempotencyKey: "poison-1", workflowId: "poison", input: { n: 1 } } as const;
      const { workflowRunId: runId } = await kernel.dispatch(command);
      await untilEnded(store.reader, 100_000);
      const detail = await store.reader.getRunDetail(runId);
      expect(detail?.run.status).toBe("FAILED");
      expect(detail?.stages[0]).toMatchObject({ status: "FAILED", attempt: 3 });
      expect(linesOf(journal, "run")).toHaveLength(3);
      expect(workers.unaskedDeaths).toBe(3);
    } finally {
      await workers.close();
      await store.close();
    }
  });
});
