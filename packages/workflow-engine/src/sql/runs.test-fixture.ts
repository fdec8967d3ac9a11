// What the tests of the run store share: stores in memory or on one file, rows to put into them, and short ways to change a run.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createFakeEnvironment } from "../kernel/testing/fake-environment.ts";
import type { Changes, Decide, Instance, NewRun, StageState, Unit } from "../ports/store.ts";
import { createSqliteStore, type SqliteStore } from "./sqlite.ts";

/** A worker. */
export const instance: Instance = { id: "i1", workerId: "worker" };

/** A run of workflow `w`, due at once. */
export const newRun: NewRun = {
  workflowId: "w",
  workflowName: "W",
  workflowVersion: "1",
  priority: 5,
  startAt: null,
  input: '{"a":1}',
  config: "{}",
  metadata: null,
  parentRunId: null,
};

/** A stage of a run, PENDING and due. */
export function stageOf(runId: string, stageId: string, fields: Partial<StageState> = {}): StageState {
  const identity = { runId, stageId, item: 0, name: stageId.toUpperCase(), number: 1, group: 1, executionId: `x-${runId}-${stageId}` };
  const tries = { status: "PENDING" as const, attempt: 0, maxAttempts: 3, lease: null, waitReason: null, error: null };
  const waits = { readyAt: 0, pollAt: null, pollIntervalMs: null, maxWaitUntil: null, pollFailures: 0 };
  return { ...identity, ...tries, ...waits, startedAt: null, completedAt: null, ...fields };
}

/** A unit that makes a run RUNNING with these stages open. */
export function starting(runId: string, ...stages: StageState[]): Unit<null> {
  const run = { status: "RUNNING" as const, group: 1, open: stages.length, queuedAt: null };
  return { runId, decide: () => ({ result: null, create: newRun, run, open: stages, events: [{ type: "workflow:started" }] }) };
}

/** A unit that counts a stage out of its run's open group, and answers how many were open before. */
export function ending(runId: string, stageId: string, output = "1"): Unit<number> {
  const decide: Decide<number> = ({ run, stage }, now): Changes<number> => {
    if (stage?.status === "COMPLETED") return { result: -1 };
    const set = { status: "COMPLETED" as const, completedAt: now, readyAt: null };
    const end = { stages: [{ stageId, item: 0, set, payloads: { output } }], run: { open: run!.open - 1 } };
    return { result: run!.open, ...end, events: [{ type: "stage:completed", stageId, stageName: stageId, duration: 0 }] };
  };
  return { runId, stage: { stageId, item: 0 }, decide };
}

/** A unit that changes a run as told. */
export function changing(runId: string, changes: Partial<Changes<null>>): Unit<null> {
  return { runId, decide: () => ({ result: null, ...changes }) };
}

/** A unit that answers what a rule sees. */
export function looking(runId: string, stageId = "a"): Unit<{ status: string | undefined; version: number | undefined; stages: string[] }> {
  return {
    runId,
    stage: { stageId, item: 0 },
    decide: ({ run, stages }) => {
      const seen = { status: run?.status, version: run?.version, stages: (stages ?? []).map((s) => `${s.stageId} ${s.status}`) };
      return stages ? { result: seen } : { result: seen, need: "stages" };
    },
  };
}

/** A store in memory on a clock that stands, closed when the test ends. */
export function openMemory(): SqliteStore & { advance(ms: number): Promise<void> } {
  const environment = createFakeEnvironment();
  return Object.assign(closing(createSqliteStore({ path: ":memory:", environment })), { advance: (ms: number) => environment.advance(ms) });
}

/** The path of a database in a folder that goes away when the test ends. */
export function databasePath(...folders: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "sqlite-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, ...folders, "test.db");
}

/** A store on a file, closed when the test ends. */
export function openFile(path: string, options: { lockTimeoutMs?: number } = {}): SqliteStore {
  return closing(createSqliteStore({ path, synchronous: "OFF", ...options }));
}

function closing(store: SqliteStore): SqliteStore {
  onTestFinished(() => store.close().catch(() => undefined));
  return store;
}
