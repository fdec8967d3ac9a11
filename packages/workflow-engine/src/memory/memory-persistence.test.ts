// The CRUD port: transactions that roll back and take turns, copies, versions, and one row for both views.
import { beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../kernel/testing/fake-clock.ts";
import type { CreateStageInput } from "../ports/stage.ts";
import { InMemoryWorkflowPersistence } from "./memory-persistence.ts";
import { createFixture, type RunFixture } from "./runs.test-fixture.ts";

const run = { id: "r1", workflowId: "w", workflowName: "W", workflowType: "w", input: { list: [1] } };
const stage = (stageId: string, fields: Partial<CreateStageInput> = {}): CreateStageInput => ({
  workflowRunId: "r1",
  stageId,
  stageName: stageId,
  stageNumber: 1,
  executionGroup: 1,
  ...fields,
});

let clock: FakeClock;
let persistence: InMemoryWorkflowPersistence;
beforeEach(() => {
  clock = new FakeClock();
  persistence = new InMemoryWorkflowPersistence({ clock });
});

describe("withTransaction (P20)", () => {
  it("leaves nothing behind when it throws", async () => {
    await persistence.createRun(run);
    const broken = persistence.withTransaction(async (tx) => {
      await tx.updateRun("r1", { status: "RUNNING" });
      await tx.createStage(stage("a"));
      await tx.createLog({ level: "INFO", message: "m", workflowRunId: "r1" });
      await tx.saveArtifact({ workflowRunId: "r1", key: "k", type: "ARTIFACT", data: 1 });
      await tx.appendOutboxEvents([{ workflowRunId: "r1", eventType: "e", payload: 1, causationId: "c", occurredAt: clock.now() }]);
      await tx.acquireIdempotencyKey("k", "c");
      expect(await tx.getStage("r1", "a")).not.toBeNull();
      throw new Error("in the middle");
    });
    await expect(broken).rejects.toThrow("in the middle");
    expect(await persistence.getRun("r1")).toMatchObject({ status: "PENDING", version: 1 });
    expect([persistence.getAllStages(), persistence.getAllLogs(), persistence.getAllArtifacts()]).toEqual([[], [], []]);
    expect(await persistence.getUnpublishedOutboxEvents()).toEqual([]);
    expect(await persistence.acquireIdempotencyKey("k", "c")).toEqual({ status: "acquired" });
  });

  it("keeps everybody else waiting, so that nobody's work is rolled back with somebody else's", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const first = persistence.withTransaction(async (tx) => {
      await tx.createRun(run);
      await gate;
      throw new Error("no");
    });
    const bare = persistence.createRun({ ...run, id: "bare" });
    const second = persistence.withTransaction(async (tx) => tx.createRun({ ...run, id: "second" }));
    open();
    await expect(first).rejects.toThrow("no");
    await Promise.all([bare, second]);
    expect(persistence.getAllRuns().map(({ id }) => id)).toEqual(["bare", "second"]);
  });

  it("joins when nested, and its handle is of no use afterwards", async () => {
    const handle = await persistence.withTransaction(async (tx) => {
      await tx.withTransaction((inner) => inner.createRun(run));
      return { tx };
    });
    expect(await persistence.getRun("r1")).not.toBeNull();
    await expect(handle.tx.getRun("r1")).rejects.toMatchObject({ code: "STORE_REFUSED" });
    const broken = persistence.withTransaction(async (tx) => {
      await tx.withTransaction((inner) => inner.createRun({ ...run, id: "r2" }));
      throw new Error("outer");
    });
    await expect(broken).rejects.toThrow("outer");
    expect(await persistence.getRun("r2")).toBeNull();
  });
});

describe("runs", () => {
  it("are copied in and out", async () => {
    const input = { list: [1] };
    const created = await persistence.createRun({ ...run, input });
    input.list.push(2);
    (created.input as { list: number[] }).list.push(3);
    expect(await persistence.getRun("r1")).toMatchObject({ input: { list: [1] }, config: {}, priority: 5, createdAt: clock.now() });
  });

  it("keep null, 0, empty text and false apart from what was left out", async () => {
    await persistence.createRun(run);
    for (const output of [0, "", false, [], {}]) {
      await persistence.updateRun("r1", { output });
      await persistence.updateRun("r1", { totalTokens: 1 });
      expect((await persistence.getRun("r1"))!.output).toEqual(output);
    }
    await persistence.updateRun("r1", { output: null });
    expect((await persistence.getRun("r1"))!.output).toBeNull();
  });

  it("refuse a stale version, a second run of one id, and an update of none", async () => {
    await persistence.createRun(run);
    await persistence.updateRun("r1", { expectedVersion: 1, totalCost: 0.5 });
    const stale = persistence.updateRun("r1", { expectedVersion: 1, totalCost: 1 });
    await expect(stale).rejects.toThrow("Stale version on WorkflowRun r1: expected 1, got 2");
    await expect(persistence.createRun(run)).rejects.toMatchObject({ code: "RUN_STATE" });
    await expect(persistence.updateRun("no", {})).rejects.toThrow("WorkflowRun no not found");
    expect(await persistence.getRun("r1")).toMatchObject({ totalCost: 0.5, version: 2 });
  });

  it("are claimed once, most urgent first", async () => {
    for (const [id, priority] of [
      ["low", 1],
      ["old", 5],
      ["new", 5],
    ] as const) {
      await persistence.createRun({ ...run, id, priority });
      clock.advance(1);
    }
    expect(await persistence.claimPendingRun("low")).toBe(true);
    expect(await persistence.claimPendingRun("low")).toBe(false);
    expect((await persistence.claimNextPendingRun())?.id).toBe("old");
    expect(await persistence.claimNextPendingRun()).toMatchObject({ id: "new", status: "RUNNING", startedAt: clock.now() });
    expect(await persistence.claimNextPendingRun()).toBeNull();
  });

  it("refuse what JSON cannot hold", async () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    await expect(persistence.createRun({ ...run, input: circular })).rejects.toMatchObject({ code: "PAYLOAD_NOT_JSON" });
    await expect(persistence.createRun({ ...run, input: 1n })).rejects.toMatchObject({ code: "PAYLOAD_NOT_JSON" });
  });
});

describe("stages", () => {
  it("are unique per run, upserted, versioned and deleted", async () => {
    await persistence.createRun(run);
    const created = await persistence.createStage(stage("a"));
    expect(created).toMatchObject({ version: 1, attempt: 0, status: "PENDING", nextPollAt: null, id: "r1/a/0" });
    await expect(persistence.createStage(stage("a"))).rejects.toMatchObject({ code: "STORE_REFUSED" });
    const upsert = { workflowRunId: "r1", stageId: "a", create: stage("a"), update: { status: "RUNNING" as const } };
    expect(await persistence.upsertStage(upsert)).toMatchObject({ status: "RUNNING", version: 2 });
    const stale = persistence.updateStage(created.id, { expectedVersion: 1 });
    await expect(stale).rejects.toThrow("Stale version on WorkflowStage r1/a/0: expected 1, got 2");
    await expect(persistence.updateStageByRunAndStageId("r1", "no", {})).rejects.toMatchObject({ code: "STAGE_NOT_FOUND" });
    await persistence.deleteStage(created.id);
    expect(await persistence.getStage("r1", "a")).toBeNull();
  });

  it("keep an id of the caller's own", async () => {
    await persistence.createStage(stage("a", { id: "mine" }));
    await persistence.updateStage("mine", { errorMessage: "x" });
    expect(await persistence.getStageById("mine")).toMatchObject({ stageId: "a", errorMessage: "x" });
  });

  it("are found by what they wait for and how they ended", async () => {
    const soon = new Date(clock.now().getTime() + 10);
    await persistence.createStage(stage("done", { status: "COMPLETED" }));
    await persistence.createStage(stage("later", { status: "COMPLETED", executionGroup: 2, stageNumber: 2 }));
    await persistence.createStage(stage("poll", { status: "SUSPENDED", executionGroup: 3, stageNumber: 3, nextPollAt: soon }));
    await persistence.createStage(stage("bad", { status: "FAILED", executionGroup: 3, stageNumber: 4 }));
    expect(await persistence.getSuspendedStages(clock.now())).toEqual([]);
    expect(await persistence.getSuspendedStages(soon)).toMatchObject([{ stageId: "poll", nextPollAt: soon }]);
    expect(await persistence.getFirstSuspendedStageReadyToResume("r1")).toBeNull();
    clock.advance(10);
    expect(await persistence.getFirstSuspendedStageReadyToResume("r1")).toMatchObject({ stageId: "poll" });
    expect(await persistence.getFirstFailedStage("r1")).toMatchObject({ stageId: "bad" });
    expect(await persistence.getLastCompletedStage("r1")).toMatchObject({ stageId: "later" });
    expect(await persistence.getLastCompletedStageBefore("r1", 2)).toMatchObject({ stageId: "done" });
    const ids = async (query: Parameters<typeof persistence.getStagesByRun>[1]): Promise<string[]> =>
      (await persistence.getStagesByRun("r1", query)).map(({ stageId }) => stageId);
    expect(await ids({ orderBy: "desc" })).toEqual(["bad", "poll", "later", "done"]);
    expect(await ids({ status: "COMPLETED" })).toEqual(["done", "later"]);
  });
});

describe("artifacts and keys", () => {
  it("saves an artifact in place of one of its key", async () => {
    const artifact = { workflowRunId: "r1", key: "k", type: "ARTIFACT" as const };
    await persistence.saveArtifact({ ...artifact, data: { a: 1 } });
    await persistence.saveArtifact({ ...artifact, data: "ü" });
    expect(await persistence.listArtifacts("r1")).toMatchObject([{ key: "k", data: "ü", size: 4 }]);
    expect(await persistence.loadArtifact("r1", "no")).toBeNull();
    await persistence.createStage(stage("a"));
    const key = await persistence.saveStageOutput("r1", "w", "a", 1);
    expect(key).toBe("workflow-v2/w/r1/a/output.json");
    expect(await persistence.getStageIdForArtifact("r1", key)).toBe("r1/a/0");
    await persistence.deleteArtifact("r1", key);
    expect(await persistence.hasArtifact("r1", key)).toBe(false);
  });

  it("holds, completes, releases and frees keys (P2)", async () => {
    const acquire = (hash?: string, owner?: string): Promise<unknown> => persistence.acquireIdempotencyKey("k", "c", { hash, owner });
    expect(await acquire("h", "me")).toEqual({ status: "acquired" });
    expect(await acquire("h", "you")).toEqual({ status: "in_progress" });
    expect(await acquire("z", "you")).toEqual({ status: "conflict" });
    await persistence.releaseIdempotencyKey("k", "c");
    expect(await acquire("h", "you")).toEqual({ status: "acquired" });
    clock.advance(60_000);
    expect(await acquire("h", "me")).toEqual({ status: "acquired" });
    await persistence.completeIdempotencyKey("k", "c", { n: 0 });
    await persistence.releaseIdempotencyKey("k", "c");
    expect(await acquire("h")).toEqual({ status: "replay", result: { n: 0 } });
    expect(await acquire("z")).toEqual({ status: "conflict" });
  });
});

describe("beside the rules, over the same rows", () => {
  let fixture: RunFixture;
  beforeEach(() => {
    fixture = createFixture();
  });

  it("keeps the counters that rules read in line", async () => {
    const crud = fixture.whole.persistence;
    await crud.createRun({ ...run, status: "RUNNING" });
    const { version } = (await fixture.look("r1")).run!;
    await crud.createStage(stage("a", { status: "RUNNING" }));
    await crud.createStage(stage("b", { status: "SUSPENDED", nextPollAt: new Date(5) }));
    expect((await fixture.look("r1", "b")).run).toMatchObject({ group: 1, open: 2, suspended: 1, transitionAt: null, version });
    expect((await fixture.look("r1", "b")).stage).toMatchObject({ waitReason: "poll", pollAt: 5, readyAt: null });
    await crud.updateStageByRunAndStageId("r1", "a", { status: "COMPLETED" });
    await crud.updateStageByRunAndStageId("r1", "b", { status: "COMPLETED" });
    expect((await fixture.look("r1")).run).toMatchObject({ open: 0, suspended: 0, transitionAt: fixture.now });
  });

  it("marks a run for transition that starts running after its stages ended", async () => {
    const crud = fixture.whole.persistence;
    await crud.createRun(run);
    await crud.createStage(stage("a", { status: "COMPLETED" }));
    expect((await fixture.look("r1")).run).toMatchObject({ transitionAt: null });
    await crud.updateRun("r1", { status: "RUNNING" });
    expect(await fixture.store.listStranded(fixture.now, 10)).toEqual(["r1"]);
    expect((await fixture.look("r1")).run).toMatchObject({ transitionAt: fixture.now, queuedAt: null });
  });

  it("rolls back what the rules wrote around it only as far as it reaches", async () => {
    const crud = fixture.whole.persistence;
    const broken = crud.withTransaction(async (tx) => {
      await tx.createRun(run);
      void fixture.create("r2");
      await Promise.resolve();
      throw new Error("no");
    });
    await expect(broken).rejects.toThrow("no");
    expect(await crud.getRunStatus("r1")).toBeNull();
    expect(await crud.getRunStatus("r2")).toBe("PENDING");
  });
});
