// P16 under steady load: runs arrive one by one at four worker processes with default settings, and none is stranded until somebody happens
// to look. `npm test` sees to that with few runs; `npm run prove` with a minute of them, and measures how long each takes.
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { expect, it } from "vitest";
import { recordFigure } from "../../tools/figures.ts";
import { startPostgres } from "../../tools/postgres/server.ts";
import { createTestDatabase } from "../../tools/postgres/test-databases.ts";
import { auditRuns } from "./audit.ts";
import { pause, untilEnded, untilPublished } from "./mixed-runs.ts";
import { openStore } from "./stores.ts";
import { Workers } from "./workers.ts";
import { workflows } from "./workflows.ts";

const isFull = process.env["PROOF"] === "full";
const seconds = isFull ? 60 : 3;
const rate = 100;
const workerCount = 4;
/** What the first runs wait for is connections and plans being made. */
const warmUp = rate;

/** The least number that so many hundredths of the others are below. */
function percentile(sorted: readonly number[], hundredths: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * hundredths) / 100))]!;
}

it(`P16: ${rate} runs a second for ${seconds} s on ${workerCount} workers: no run is stranded`, { timeout: 120_000 }, async () => {
  const server = isFull ? await startPostgres({ isDurable: true }) : null;
  const { url, drop } = await createTestDatabase(server?.url);
  const store = openStore("postgres", url);
  const kernel = createKernel({ ...store, registry: createRegistry(workflows) });
  const workers = new Workers("");
  try {
    await Promise.all(Array.from({ length: workerCount }, () => workers.start({ store: "postgres", place: url })));
    const create = async (n: number): Promise<[string, number]> => {
      const at = Date.now();
      const command = { type: "run.create", idempotencyKey: `q${n}`, workflowId: "quick", input: { n } } as const;
      return [(await kernel.dispatch(command)).workflowRunId, at];
    };
    const creating: Array<Promise<[string, number]>> = [];
    const startedAt = Date.now();
    for (let n = 0; n < rate * seconds + warmUp; n++) {
      const wait = startedAt + (n / rate) * 1_000 - Date.now();
      if (wait > 0) await pause(wait);
      creating.push(create(n));
    }
    const created = await Promise.all(creating);
    // nobody is woken for a stranded run; the safety net looks for it every ten seconds
    await untilEnded(store.reader, 5_000);
    const took: number[] = [];
    for (const [runId, at] of created.slice(warmUp)) took.push((await store.persistence.getRun(runId))!.completedAt!.getTime() - at);
    took.sort((a, b) => a - b);
    const runIds = created.map(([runId]) => runId);
    await untilPublished(store.reader, runIds);
    const ended = runIds.map((runId, n) => [runId, { status: "COMPLETED", output: { n: n + 3 } }] as const);
    const problems = await auditRuns(store.reader, ended);
    expect(problems).toEqual([]);
    const figure = (claim: string, value: number, unit: string): void =>
      recordFigure({ promise: "P16", claim: `${rate} runs/s for ${seconds} s: ${claim}`, figure: value, unit, store: "postgres" });
    figure("runs completed", took.length, "runs");
    for (const hundredths of [50, 99, 99.9, 100]) figure(`create to completed, p${hundredths}`, percentile(took, hundredths), "ms");
    if (isFull) expect(percentile(took, 99)).toBeLessThan(100);
  } finally {
    await workers.close();
    await store.close();
    await drop();
    await server?.stop();
  }
});
