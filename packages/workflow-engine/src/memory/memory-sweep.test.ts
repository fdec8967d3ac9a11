// Retention, and deletion of a run with all that belongs to it (P22).
import { beforeEach, describe, expect, it } from "vitest";
import type { AttemptRow } from "../ports/store.ts";
import { createFixture, type RunFixture, START, stage } from "./runs.test-fixture.ts";

let fixture: RunFixture;
beforeEach(() => {
  fixture = createFixture();
});

const limits = { publishedBefore: 0, deadBefore: 0, keysBefore: 0, endedRunsBefore: null, max: 100 };

describe("sweep", () => {
  it("tells of the blobs of a lost execution once", async () => {
    const attempt: AttemptRow = {
      stageId: "a",
      item: 0,
      attempt: 1,
      executionId: "gone",
      workerId: "w",
      startedAt: START,
      endedAt: START,
      outcome: "LOST",
      error: null,
    };
    await fixture.start(stage("a"));
    await fixture.change("r1", { attempts: [attempt, { ...attempt, executionId: "ended", outcome: "COMPLETED" }] });
    expect((await fixture.store.sweep({ ...limits, publishedBefore: START })).orphans).toEqual([]);
    const { orphans } = await fixture.store.sweep({ ...limits, publishedBefore: START + 1 });
    expect(orphans).toEqual([{ runId: "r1", stageId: "a", item: 0, executionId: "gone", workflowId: "w" }]);
    expect((await fixture.store.sweep({ ...limits, publishedBefore: START + 1 })).orphans).toEqual([]);
    expect(await fixture.whole.reader.listAttempts("r1")).toHaveLength(2);
  });

  it("frees keys that have served, and those whose owner died long ago", async () => {
    const { persistence } = fixture.whole;
    await persistence.acquireIdempotencyKey("done", "c");
    await persistence.completeIdempotencyKey("done", "c", 1);
    await persistence.acquireIdempotencyKey("held", "c", { leaseMs: 10 });
    expect((await fixture.store.sweep({ ...limits, keysBefore: START })).keys).toBe(0);
    expect((await fixture.store.sweep({ ...limits, keysBefore: START + 1 })).keys).toBe(1);
    expect((await fixture.store.sweep({ ...limits, keysBefore: START + 11 })).keys).toBe(1);
  });

  it("deletes ended runs when told to, at most so many", async () => {
    for (const id of ["r1", "r2", "r3"]) await fixture.create(id);
    await fixture.change("r1", { run: { status: "COMPLETED", completedAt: START } });
    await fixture.change("r2", { run: { status: "FAILED", completedAt: START } });
    const later = { ...limits, endedRunsBefore: START + 1, max: 1 };
    expect((await fixture.store.sweep({ ...later, endedRunsBefore: null })).runs).toEqual([]);
    expect((await fixture.store.sweep(later)).runs).toEqual([{ runId: "r1", workflowId: "w" }]);
    expect((await fixture.store.sweep(later)).runs).toEqual([{ runId: "r2", workflowId: "w" }]);
    expect((await fixture.store.sweep(later)).runs).toEqual([]);
    expect((await fixture.look("r3")).run).not.toBeNull();
  });
});
