// P15 with real processes: SIGTERM in the middle of 50 jobs. Each has finished or is handed back when the process ends, and another worker
// takes what was handed back at once: no lease has to expire, it lasts longer than the test.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createKernel, createRegistry, defineStage, defineWorkflow } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { recordFigure } from "../../tools/figures.ts";

const jobs = 50;
const drainMain = fileURLToPath(new URL("./drain-main.ts", import.meta.url));
const children: ChildProcess[] = [];
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "drain-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

interface Told {
  begun: number;
  isReady: boolean;
  errors: string[];
}

/** A worker process, and what it has told so far. */
function startWorker(path: string, pace: "slow" | "quick"): { child: ChildProcess; told: Told; exited: Promise<number | null> } {
  const child = spawn(process.execPath, [drainMain, path, pace], {
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "ignore", process.env["E2E_VERBOSE"] ? "inherit" : "ignore", "ipc"],
  });
  children.push(child);
  const told: Told = { begun: 0, isReady: false, errors: [] };
  child.on("message", (message: { begun?: number; isReady?: boolean; error?: string }) => {
    told.begun = message.begun ?? told.begun;
    told.isReady ||= message.isReady ?? false;
    if (message.error) told.errors.push(message.error);
  });
  return { child, told, exited: new Promise((resolve) => child.once("exit", (code) => resolve(code))) };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The test's own view of the database: it creates the runs and executes none. */
function openDatabase(path: string) {
  const input = z.object({ n: z.number(), drainMs: z.number() });
  const stage = defineStage({
    ...{ id: "job", name: "Job", schemas: { input, output: z.object({ by: z.string() }), config: z.object({}) } },
    execute: () => Promise.reject(new Error("executed by workers only")),
  });
  const workflow = defineWorkflow({ id: "drain", name: "Drain", input }).pipe(stage).build();
  const store = createSqliteStore({ path });
  const kernel = createKernel({ ...store, registry: createRegistry([workflow]) });
  const create = async (n: number): Promise<string> => {
    const command = { type: "run.create", idempotencyKey: `job-${n}`, workflowId: "drain", input: { n, drainMs: 300 } } as const;
    return (await kernel.dispatch(command)).workflowRunId;
  };
  const countCompleted = async (): Promise<number> =>
    (await store.reader.countRuns()).filter(({ status }) => status === "COMPLETED").reduce((sum, { count }) => sum + count, 0);
  const stagesOf = async (ids: string[]) => Promise.all(ids.map(async (id) => (await store.reader.getRunDetail(id))?.stages[0]));
  const doneBy = async (id: string): Promise<string | undefined> => {
    const output = (await store.persistence.getRun(id))?.output as { by: string } | undefined;
    return output?.by;
  };
  return { store, create, countCompleted, stagesOf, doneBy };
}

function record(exitMs: number, takenMs: number): void {
  const of = { promise: "P15", store: "sqlite" };
  recordFigure({ ...of, claim: "jobs finished or handed back after SIGTERM", figure: `${jobs} of ${jobs}` });
  recordFigure({ ...of, claim: "SIGTERM to exit, shutdownTimeoutMs 3,000", figure: Math.round(exitMs), unit: "ms" });
  recordFigure({ ...of, claim: "jobs handed back, done by another worker", figure: Math.round(takenMs), unit: "ms" });
}

const claim = "P15: SIGTERM in the middle of 50 jobs: all finish or are handed back, and another worker takes them at once";

it(claim, { timeout: 120_000 }, async () => {
  const path = join(folder, "runs.db");
  const { store, create, countCompleted, stagesOf, doneBy } = openDatabase(path);
  try {
    const runIds = await Promise.all(Array.from({ length: jobs }, (_, n) => create(n)));
    const first = startWorker(path, "slow");
    await until(() => first.told.begun === jobs);
    const termAt = performance.now();
    first.child.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    const exitMs = performance.now() - termAt;

    const left = await stagesOf(runIds);
    const handedBack = left.filter((each) => each?.status === "PENDING");
    expect(left.filter((each) => each?.status === "COMPLETED").length + handedBack.length).toBe(jobs);
    expect(handedBack).toHaveLength(jobs / 2);
    for (const each of handedBack) expect(each).toMatchObject({ attempt: 0, workerId: null });

    const second = startWorker(path, "quick");
    await until(() => second.told.isReady);
    const readyAt = performance.now();
    await until(async () => (await countCompleted()) === jobs);
    record(exitMs, performance.now() - readyAt);
    expect((await Promise.all(runIds.map(doneBy))).filter((pace) => pace === "quick")).toHaveLength(jobs / 2);
    for (const each of await stagesOf(runIds)) expect(each).toMatchObject({ status: "COMPLETED", attempt: 1 });
    second.child.kill("SIGTERM");
    expect(await second.exited).toBe(0);
    expect([...first.told.errors, ...second.told.errors]).toEqual([]);
  } finally {
    await store.close();
  }
});
