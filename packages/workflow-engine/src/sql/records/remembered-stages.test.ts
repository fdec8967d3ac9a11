// Two processes on PostgreSQL, one that remembers the stages it moves and one that writes stages through the CRUD port: what is written
// last is decided on what is there (P4, P13).
import { describe, expect, it } from "vitest";
import { createTestStores } from "../postgres-stores.test-fixture.ts";
import { changing, ending, stageOf, starting } from "../runs.test-fixture.ts";

const { open } = await createTestStores();

describe("a stage that a process remembers", () => {
  it("is read again once another has changed, created or deleted a stage of its run", async () => {
    const [worker, other] = [open(), open()];
    const { persistence } = other;
    const start = (id: string) => {
      return worker.runStore.transact(starting(id, ...["a", "b", "c"].map((stage) => stageOf(id, stage, { readyAt: null }))));
    };
    await start("changed");
    const done = { status: "COMPLETED", completedAt: new Date(5), outputData: "theirs" } as const;
    await persistence.updateStageByRunAndStageId("changed", "a", done);
    expect(await worker.runStore.transact(ending("changed", "a"))).toBe(-1);
    expect(await persistence.getStage("changed", "a")).toMatchObject({ outputData: "theirs" });
    expect(await worker.runStore.transact(ending("changed", "b"))).toBe(2);

    await start("created");
    const stage = { workflowRunId: "created", stageId: "d", stageName: "D", stageNumber: 4, executionGroup: 1 };
    await persistence.createStage(stage);
    expect(await worker.runStore.transact(ending("created", "a"))).toBe(4);

    await start("deleted");
    await persistence.deleteStage((await persistence.getStage("deleted", "a"))!.id);
    await expect(worker.runStore.transact(ending("deleted", "a"))).rejects.toMatchObject({ code: "STAGE_NOT_FOUND" });
    expect(await worker.runStore.transact(ending("deleted", "b"))).toBe(2);
  });

  it("is not that of a run that was deleted and made again under its id, whatever its version", async () => {
    const [zombie, other] = [open(), open()];
    const startAs = (executionId: string) => starting("again", stageOf("again", "a", { executionId, readyAt: null }));
    await zombie.runStore.transact(startAs("old"));
    await other.runStore.transact(changing("again", { deleteRun: true }));
    await other.runStore.transact(startAs("new"));
    const look = zombie.runStore.transact({
      runId: "again",
      stage: { stageId: "a", item: 0 },
      decide: ({ stage }) => ({ result: stage?.executionId }),
    });
    expect(await look).toBe("new");
  });
});
