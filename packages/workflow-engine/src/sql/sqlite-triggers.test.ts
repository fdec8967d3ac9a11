// Triggers of a user's own on our tables: what they change says nothing of the rows that were meant (P4).
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import type { Unit } from "../ports/store.ts";
import { databasePath, newRun, openFile, stageOf, starting } from "./runs.test-fixture.ts";

const raise = (runId: string): Unit<null> => ({ runId, decide: ({ run }) => ({ result: null, run: { priority: run!.priority + 1 } }) });

it("P4: a run that somebody else has changed is found out beside one whose change sets off a trigger", async () => {
  const path = databasePath();
  const [one, other] = [openFile(path), openFile(path)];
  for (const id of ["r1", "r2"]) await one.runStore.transact(starting(id, stageOf(id, "a", { readyAt: null })));
  const handle = new DatabaseSync(path);
  handle.exec(`CREATE TABLE audit (run_id TEXT);
    CREATE TRIGGER audit_runs AFTER UPDATE ON runs BEGIN INSERT INTO audit VALUES (new.id); END`);
  await other.runStore.transact(raise("r1"));
  await Promise.all([one.runStore.transact(raise("r1")), one.runStore.transact(raise("r2"))]);
  const priorities = handle.prepare("SELECT priority FROM runs ORDER BY id").all();
  handle.close();
  expect(priorities).toEqual([{ priority: newRun.priority + 2 }, { priority: newRun.priority + 1 }]);
});
