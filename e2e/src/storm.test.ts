// P13, P14, P16, P18 with everything at once: eight workers on a PostgreSQL that is stopped and started, half of them behind a network that
// cuts them off, killed and frozen all the time. Every run ends, each stage by one execution, with events in order, and nobody helps.
// `npm test` runs reduced counts, `npm run prove` the full ones.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKernel, createRegistry, type Kernel } from "@bratsos/workflow-engine";
import { afterEach, beforeEach, expect, it } from "vitest";
import { recordFigure } from "../../tools/figures.ts";
import { type PostgresServer, startPostgres } from "../../tools/postgres/server.ts";
import { createTestDatabase } from "../../tools/postgres/test-databases.ts";
import { auditDeliveries, auditRuns, type Expected } from "./audit.ts";
import { CutProxy } from "./cut-proxy.ts";
import { linesOf } from "./journal.ts";
import { createMixedRun, executionsOf, pause, repeatedOf, untilEnded, untilPublished } from "./mixed-runs.ts";
import { openStore } from "./stores.ts";
import { lengthOf, type StormCounts, storm } from "./storm.ts";
import { shortLeases, type WorkerSettings, Workers } from "./workers.ts";
import { workflows } from "./workflows.ts";

const isFull = process.env["PROOF"] === "full";
const counts: StormCounts = isFull
  ? { runs: 2_000, kills: 200, everyMs: 300, freezes: 10, restarts: 5, cuts: 24 }
  : { runs: 60, kills: 4, everyMs: 1_500, freezes: 1, restarts: 1, cuts: 3 };
const workerCount = isFull ? 8 : 4;
/** As long as a lease and more, for what is cut off and for who is frozen. */
const pace = { ...shortLeases, staleLeaseThresholdMs: 2_000, answerTimeoutMs: 1_000 };
const deadMs = 2_000;
const frozenMs = 3_000;

let folder: string;
let server: PostgresServer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "storm-"));
  server = await startPostgres({ isDurable: true });
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As a client that hears of no success and asks again, some of them once more: the key makes one run of it. */
async function createUntilHeard(kernel: Kernel, n: number): Promise<[string, Expected]> {
  const created = await untilHeard(() => createMixedRun(kernel, n));
  if (n % 10 === 0) expect((await untilHeard(() => createMixedRun(kernel, n)))[0]).toBe(created[0]);
  return created;
}

/** Asks again for a minute: the server may be away, and half-open connections after it. */
async function untilHeard<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(100);
    }
  }
}

it(`P14: ${counts.runs} runs end as they should on ${workerCount} workers in a storm`, { timeout: 300_000 }, async () => {
  const { url } = await createTestDatabase(server.url);
  const { proxy, url: proxied } = await CutProxy.start(url);
  const store = openStore("postgres", url);
  // whoever creates the runs is cut off like the workers
  const client = openStore("postgres", proxied, pace.answerTimeoutMs);
  const kernel = createKernel({ ...client, registry: createRegistry(workflows) });
  const [deliveries, journal] = [join(folder, "deliveries"), join(folder, "journal")];
  const workers = new Workers(journal, { env: { E2E_DELIVERIES: deliveries } });
  const settingsOf = (i: number): WorkerSettings => ({ store: "postgres", place: i % 2 === 0 ? proxied : url, ...pace });
  const startedAt = performance.now();
  try {
    await Promise.all(Array.from({ length: workerCount }, (_, i) => workers.start(settingsOf(i))));
    const creating = Array.from({ length: counts.runs }, async (_, n) => {
      await pause((n / counts.runs) * lengthOf(counts) * 0.9);
      return createUntilHeard(kernel, n);
    });
    const moreWork = (): void => void creating.push(createUntilHeard(kernel, creating.length));
    const awayMs = await storm(counts, { server, proxy, workers, moreWork, deadMs, frozenMs });
    const calmAt = performance.now();
    const runs = await Promise.all(creating);
    await untilEnded(store.reader, 150_000);
    const endedAt = performance.now();
    const runIds = runs.map(([runId]) => runId);
    await untilPublished(store.reader, runIds);
    expect(await auditRuns(store.reader, runs)).toEqual([]);
    expect(await auditDeliveries(store.reader, runIds, readFileSync(deliveries, "utf8"))).toEqual([]);
    expect(new Set(runIds).size).toBe(runs.length);
    expect(workers.unaskedDeaths).toBe(0);
    // trouble that hits nobody at work proves little
    expect(repeatedOf(journal, runs.length)).toBeGreaterThan(isFull ? counts.kills : counts.kills - 1);
    for (const cut of Object.values(proxy.count)) expect(cut).toBeGreaterThan(0);
    const figure = (claim: string, value: number | string, unit?: string): void =>
      recordFigure({ promise: "P14", claim: `storm: ${claim}`, figure: value, ...(unit && { unit }), store: "postgres" });
    figure("runs that ended as they should, each stage by one execution, events in order", `${runs.length} of ${runs.length}`);
    figure("workers; killed; frozen past their lease", `${workerCount}; ${workers.killed}; ${workers.frozen}`);
    figure("crashes of the server; away in all", `${counts.restarts}; ${Math.round(awayMs)} ms`);
    figure("connections reset; cut in a message; half-open", Object.values(proxy.count).join("; "));
    figure("executions begun; needed without trouble", `${linesOf(journal, "run").length}; ${executionsOf(runs.length)}`);
    figure("from the end of the storm to the last run's", Math.round(endedAt - calmAt), "ms");
    figure("from first to last", Math.round(endedAt - startedAt), "ms");
  } finally {
    await workers.close();
    await client.close();
    await store.close();
    await proxy.close();
  }
});
