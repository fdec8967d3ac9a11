// What the tests of this room share: stores on one file or in memory, on a clock they move, and short ways to fill them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createFakeEnvironment, type FakeEnvironment } from "../../kernel/testing/fake-environment.ts";
import type { CreateStageInput } from "../../ports/stage.ts";
import type { Changes } from "../../ports/store.ts";
import { createSqliteStore, type SqliteStore } from "../sqlite.ts";

/** A run to create. */
export const run = { id: "r1", workflowId: "w", workflowName: "W", workflowType: "w", input: { list: [1] } };

/** A stage of run r1 to create. */
export function stage(stageId: string, fields: Partial<CreateStageInput> = {}): CreateStageInput {
  return { workflowRunId: "r1", stageId, stageName: stageId, stageNumber: 1, executionGroup: 1, ...fields };
}

/** An event of run r1 to append. */
export function event(eventType: string, payload: unknown = { n: 1 }) {
  return { workflowRunId: "r1", eventType, payload, causationId: "c", occurredAt: new Date(5) };
}

/** A model call to log. */
export function call(topic: string) {
  const model = { modelKey: "m", modelId: "id-m", prompt: "p", response: "r" };
  return { topic, callType: "text" as const, ...model, inputTokens: 2, outputTokens: 3, cost: 0.5 };
}

/** A store in memory, closed when the test ends. */
export function openStore(environment: FakeEnvironment = createFakeEnvironment()): SqliteStore {
  return closing(createSqliteStore({ path: ":memory:", environment }));
}

/** A folder with a database; each call of the answer is another process's store on it. */
export function openFolder(): () => SqliteStore {
  const folder = mkdtempSync(join(tmpdir(), "sql-records-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return () => closing(createSqliteStore({ path: join(folder, "test.db"), synchronous: "OFF" }));
}

/** Changes a run through the one door, and answers what a rule saw of it before. */
export function change(store: SqliteStore, runId: string, changes: Partial<Changes<null>> = {}) {
  return store.runStore.transact({ runId, decide: ({ run }) => ({ ...changes, result: run }) });
}

function closing(store: SqliteStore): SqliteStore {
  onTestFinished(() => store.close().catch(() => undefined));
  return store;
}
