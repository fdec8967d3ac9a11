// P4: however many siblings end in the same instant, in however many processes, the next group opens exactly once. 300 runs of 8 siblings
// in `npm run prove`, fewer in `npm test`. The negative control is the defect "siblings are decided without the run's lock".
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { recordFigure } from "../../../../tools/figures.ts";
import { createTestDatabase, type TestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createKernel } from "../defaults.ts";
import { defineWorkflow } from "../define/builder.ts";
import { defineStage } from "../define/stage.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { createRegistry } from "../kernel/registry.ts";
import type { WorkSession } from "../kernel/session.ts";
import { InMemoryJobQueue } from "../memory/memory-job-queue.ts";
import { InMemoryWorkflowPersistence } from "../memory/memory-persistence.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import type { KernelEvent } from "../ports/event.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { Persistence } from "../ports/persistence.ts";
import { createPostgresStore } from "../sql/postgres.ts";
import { createSqliteStore } from "../sql/sqlite.ts";

const runs = process.env["PROOF"] === "full" ? 300 : 40;
const siblings = 8;

interface Ports {
  persistence: Persistence;
  jobTransport: JobTransport;
  close?(): Promise<void>;
}

function step(id: string) {
  const Any = z.unknown();
  return defineStage({ id, name: id, schemas: { input: Any, output: Any, config: z.object({}) }, execute: async () => ({ output: id }) });
}

const workflow = defineWorkflow({ id: "wide", name: "Wide", input: z.object({}) })
  .parallel(Array.from({ length: siblings }, (_, i) => step(`s${i}`)))
  .pipe(step("next"))
  .build();

let database: TestDatabase | undefined;
afterAll(() => database?.drop());

/** Two processes on the same rows: two stores on one file or database, or two kernels on one store. */
async function openTwo(name: string, folder: string): Promise<[Ports, Ports]> {
  if (name === "postgres") {
    database ??= await createTestDatabase();
    const { url } = database;
    return [0, 1].map(() => createPostgresStore({ connectionString: url })) as unknown as [Ports, Ports];
  }
  if (name === "sqlite") return [0, 1].map(() => createSqliteStore({ path: join(folder, "runs.db") })) as unknown as [Ports, Ports];
  const one: Ports =
    name === "memory" ? createMemoryStore() : { persistence: new InMemoryWorkflowPersistence(), jobTransport: new InMemoryJobQueue() };
  return [one, one];
}

async function runAll(session: WorkSession): Promise<number> {
  const jobs = await session.take(runs * siblings);
  await Promise.all(jobs.map((job) => session.execute(job, { onCodeEnded: () => undefined, slots: () => 0 })));
  return jobs.length;
}

async function drain(kernels: Kernel[]): Promise<void> {
  const sessions = kernels.map((kernel, i) => kernel.work.openSession({ workerId: `w${i}` }));
  for (const session of sessions) await session.claim(runs, 0);
  for (let busy = 1, round = 0; (busy > 0 || round < 3) && round < 100; round++) {
    busy = (await Promise.all(sessions.map(runAll))).reduce((sum, count) => sum + count, 0);
  }
  for (const session of sessions) while ((await session.flush(10_000)) > 0);
}

describe.each(["memory", "sqlite", "storeOver", "postgres"])("siblings on %s", (name) => {
  it(`P4: ${runs} runs of ${siblings} siblings that settle at once open each next group exactly once`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "siblings-"));
    const ports = await openTwo(name, folder);
    const events: KernelEvent[] = [];
    const registry = createRegistry([workflow]);
    const kernels = ports.map((port) => createKernel({ ...port, registry, eventSink: { emit: (event) => void events.push(event) } }));
    try {
      const create = (n: number) =>
        kernels[n % 2]!.dispatch({ type: "run.create", idempotencyKey: `k${n}`, workflowId: "wide", input: {} });
      await Promise.all(Array.from({ length: runs }, (_, n) => create(n)));
      await drain(kernels);
      const opened = events.filter((event) => event.type === "stage:started" && event.stageId === "next");
      expect(new Set(opened.map((event) => event.workflowRunId)).size).toBe(runs);
      expect(opened).toHaveLength(runs);
      expect(await ports[0].persistence.getRunsByStatus("COMPLETED")).toHaveLength(runs);
      recordFigure({
        promise: "P4",
        claim: `next groups opened exactly once, of ${runs} runs x ${siblings} siblings`,
        figure: opened.length,
        store: name,
      });
    } finally {
      for (const port of new Set(ports)) await port.close?.();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
