// The CRUD port over SQL: transactions that roll back and take turns, also between processes; one row for both views.
import { describe, expect, it } from "vitest";
import { createFakeEnvironment } from "../../kernel/testing/fake-environment.ts";
import type { Persistence } from "../../ports/persistence.ts";
import { change, event, openFolder, openStore, run, stage } from "./store.test-fixture.ts";

describe("withTransaction (P20)", () => {
  it("keeps everybody else waiting, so that nobody's work is rolled back with somebody else's", async () => {
    const { persistence, blobStore, runStore, reader } = openStore();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const first = persistence.withTransaction(async (tx) => {
      await tx.createRun(run);
      await gate;
      throw new Error("no");
    });
    const bare = persistence.createRun({ ...run, id: "bare" });
    const blob = blobStore.put("k", 1);
    const unit = runStore.transact({ runId: "r1", decide: (snapshot) => ({ result: snapshot.run }) });
    const second = persistence.withTransaction(async (tx) => tx.createRun({ ...run, id: "second" }));
    const page = reader.listRuns();
    open();
    await expect(first).rejects.toThrow("no");
    await Promise.all([bare, blob, second]);
    expect(await unit).toBeNull();
    expect((await page).items.map(({ id }) => id)).not.toContain("r1");
    expect((await reader.listRuns()).items.map(({ id }) => id).sort()).toEqual(["bare", "second"]);
    expect(await blobStore.has("k")).toBe(true);
  });

  it("joins when nested, and its handle is of no use afterwards", async () => {
    const { persistence } = openStore();
    const handle = await persistence.withTransaction(async (tx) => {
      await tx.withTransaction((inner) => inner.createRun(run));
      return { tx };
    });
    expect(await persistence.getRun("r1")).not.toBeNull();
    for (const late of [handle.tx.getRun("r1"), handle.tx.createLog({ level: "INFO", message: "late" })]) {
      await expect(late).rejects.toMatchObject({ code: "STORE_REFUSED" });
    }
    const broken = persistence.withTransaction(async (tx) => {
      await tx.withTransaction((inner) => inner.createRun({ ...run, id: "r2" }));
      throw new Error("outer");
    });
    await expect(broken).rejects.toThrow("outer");
    expect(await persistence.getRun("r2")).toBeNull();
  });

  it("undoes a step that was refused, and nothing else of a caller that goes on", async () => {
    const { persistence } = openStore();
    await persistence.withTransaction(async (tx) => {
      await tx.createRun(run);
      await expect(tx.createRun(run)).rejects.toMatchObject({ code: "RUN_STATE" });
      await expect(tx.updateRun("r1", { expectedVersion: 9 })).rejects.toMatchObject({ code: "STALE_VERSION" });
      const unknown = tx.createLog({ level: null as never, message: "m" });
      await expect(unknown).rejects.toMatchObject({ code: "STORE_REFUSED", message: expect.stringContaining("NOT NULL") });
      await tx.createStage(stage("a"));
    });
    expect(await persistence.getStagesByRun("r1")).toHaveLength(1);
  });

  it("loses no step of callers that do not wait for each other, nor for the end", async () => {
    const { persistence } = openStore();
    await persistence.createRun(run);
    await persistence.withTransaction(async (tx) => {
      await Promise.all([1, 2, 3].map(() => tx.updateRun("r1", { totalTokens: 1 })));
      void tx.updateRun("r1", { metadata: { late: true } });
    });
    expect(await persistence.getRun("r1")).toMatchObject({ version: 5, metadata: { late: true } });
  });

  it("tells listeners once it has committed, and only then (P16)", async () => {
    const { persistence, runStore } = openStore();
    const told: unknown[] = [];
    runStore.onSignal((signal) => told.push(signal));
    const write = (tx: Persistence) => tx.createRun(run).then(() => tx.appendOutboxEvents([event("e")]));
    await expect(persistence.withTransaction((tx) => write(tx).then(() => Promise.reject(new Error("no"))))).rejects.toThrow("no");
    expect(told).toEqual([]);
    await persistence.withTransaction(write);
    expect(told).toMatchObject([{ hasWork: true, hasEvents: true, ended: [] }]);
    await persistence.updateRun("r1", { status: "CANCELLED" });
    expect(told.at(-1)).toMatchObject({ ended: ["r1"] });
  });
});

describe("several stores on one file", () => {
  it("claim and count without losing anything of each other", async () => {
    const open = openFolder();
    const stores = [open(), open(), open()];
    const first = stores[0]!;
    await Promise.all(stores.map((store) => store.migrate()));
    for (let i = 0; i < 30; i++) await first.persistence.createRun({ ...run, id: `r${i}` });
    const claims = stores.flatMap(({ persistence }) => Array.from({ length: 15 }, () => persistence.claimNextPendingRun()));
    const claimed = (await Promise.all(claims)).flatMap((found) => found?.id ?? []);
    expect(claimed.sort()).toEqual(Array.from({ length: 30 }, (_, i) => `r${i}`).sort());
    const add = ({ persistence }: Pick<typeof first, "persistence">) =>
      persistence.withTransaction(async (tx) => {
        const { totalTokens, version } = (await tx.getRun("r1"))!;
        await tx.updateRun("r1", { totalTokens: totalTokens + 1, expectedVersion: version });
      });
    await Promise.all(stores.flatMap((store) => Array.from({ length: 10 }, () => add(store))));
    expect((await first.persistence.getRun("r1"))!.totalTokens).toBe(30);
  });

  it("see what another has closed on", async () => {
    const open = openFolder();
    const one = open();
    await one.persistence.createRun({ ...run, output: 1 } as typeof run);
    await one.close();
    await expect(one.persistence.getRun("r1")).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(one.persistence.withTransaction(async () => 1)).rejects.toMatchObject({ code: "STORE_CLOSED" });
    expect(await open().persistence.getRun("r1")).toMatchObject({ input: { list: [1] } });
  });
});

describe("beside the rules, over the same rows", () => {
  it("keeps the counters that rules read in line", async () => {
    const store = openStore();
    const { persistence, environment } = store;
    await persistence.createRun({ ...run, status: "RUNNING" });
    await persistence.createStage(stage("a", { status: "RUNNING" }));
    await persistence.createStage(stage("b", { status: "SUSPENDED", nextPollAt: new Date(5) }));
    expect(await change(store, "r1")).toMatchObject({ group: 1, open: 2, suspended: 1, transitionAt: null, version: 3 });
    await persistence.updateStageByRunAndStageId("r1", "a", { status: "COMPLETED" });
    await persistence.updateStageByRunAndStageId("r1", "b", { status: "COMPLETED" });
    expect(await change(store, "r1")).toMatchObject({ open: 0, suspended: 0, transitionAt: environment.now() });
    expect(await store.runStore.listStranded(environment.now(), 10)).toEqual(["r1"]);
    await persistence.updateRun("r1", { status: "CANCELLED" });
    expect(await store.runStore.listStranded(environment.now(), 10)).toEqual([]);
  });

  it("marks a run for transition that starts running after its stages ended", async () => {
    const store = openStore();
    await store.persistence.createRun(run);
    await store.persistence.createStage(stage("a", { status: "COMPLETED" }));
    expect(await change(store, "r1")).toMatchObject({ transitionAt: null });
    expect(await store.persistence.claimPendingRun("r1")).toBe(true);
    expect(await store.runStore.listStranded(store.environment.now(), 10)).toEqual(["r1"]);
  });

  it("makes rules see its writes, whatever the run store remembers", async () => {
    const store = openStore();
    await store.persistence.createRun(run);
    await store.persistence.createStage(stage("a", { status: "RUNNING" }));
    const set = { stages: [{ stageId: "a", item: 0, set: { pollFailures: 1 } }], run: { status: "RUNNING" as const } };
    await change(store, "r1", set);
    await store.persistence.updateStage("r1/a/0", { errorMessage: "told" });
    await store.persistence.updateRun("r1", { errorMessage: "why" });
    const seen = await store.runStore.transact({
      runId: "r1",
      stage: { stageId: "a", item: 0 },
      decide: (snapshot) => ({ result: { run: snapshot.run, stage: snapshot.stage } }),
    });
    expect(seen).toMatchObject({ run: { error: "why", version: 4 }, stage: { error: "told", pollFailures: 1 } });
  });

  it("is not woken for the poll of a stage that no longer waits", async () => {
    const { persistence, runStore } = openStore();
    await persistence.createRun({ ...run, status: "RUNNING" });
    await persistence.createStage(stage("a", { status: "SUSPENDED", nextPollAt: new Date(5) }));
    expect(await runStore.nextWakeAt()).not.toBeNull();
    await persistence.updateStage("r1/a/0", { status: "RUNNING" });
    expect(await persistence.getStage("r1", "a")).toMatchObject({ nextPollAt: new Date(5) });
    expect(await runStore.nextWakeAt()).toBeNull();
  });

  it("deletes a run with all that hangs on it", async () => {
    const { persistence, reader } = openStore();
    await persistence.createRun(run);
    await persistence.createStage(stage("a", { id: "mine" }));
    await persistence.createLog({ workflowRunId: "r1", level: "INFO", message: "m" });
    await persistence.saveArtifact({ workflowRunId: "r1", key: "k", type: "ARTIFACT", data: 1 });
    await persistence.appendOutboxEvents([event("e")]);
    await persistence.deleteRun("r1");
    expect([await persistence.getRun("r1"), await persistence.getStageById("mine")]).toEqual([null, null]);
    expect([(await reader.listLogs("r1")).items, await persistence.listArtifacts("r1")]).toEqual([[], []]);
    expect(await persistence.getUnpublishedOutboxEvents()).toEqual([]);
  });
});

describe("values", () => {
  it("keep cents and great sums exact", async () => {
    const { persistence } = openStore();
    await persistence.createRun(run);
    for (const totalCost of [0.1, 0.000_000_000_001, 12_345.678_9, 1e6, 0]) {
      await persistence.updateRun("r1", { totalCost });
      await persistence.updateRun("r1", { totalTokens: 2 });
      expect((await persistence.getRun("r1"))!.totalCost).toBe(totalCost);
    }
  });

  it("keep an id of the caller's own, whatever it looks like", async () => {
    const { persistence } = openStore();
    await persistence.createStage(stage("a", { id: "r9/%/0" }));
    await persistence.updateStage("r9/%/0", { errorMessage: "x" });
    expect(await persistence.getStageById("r9/%/0")).toMatchObject({ stageId: "a", errorMessage: "x" });
    expect(await persistence.getStageById("r1/a/0")).toBeNull();
    await expect(persistence.createStage(stage("b", { id: "r9/%/0" }))).rejects.toMatchObject({ code: "STORE_REFUSED" });
  });

  it("refuse what JSON cannot hold, and leave nothing of it", async () => {
    const { persistence } = openStore();
    await expect(persistence.createRun({ ...run, input: 1n })).rejects.toMatchObject({ code: "PAYLOAD_NOT_JSON" });
    expect(await persistence.getRun("r1")).toBeNull();
  });
});

describe("events", () => {
  it("are counted with those of the rules, one sequence a run", async () => {
    const store = openStore();
    const { persistence, reader } = store;
    await persistence.createRun(run);
    await change(store, "r1", { events: [{ type: "workflow:started" }, { type: "workflow:suspended", stageId: "a" }] });
    await persistence.appendOutboxEvents([event("mine"), { ...event("x"), workflowRunId: "nobody" }, event("mine")]);
    await change(store, "r1", { events: [{ type: "workflow:started" }] });
    const waiting = await persistence.getUnpublishedOutboxEvents();
    const ours = waiting.filter(({ workflowRunId }) => workflowRunId === "r1");
    expect(ours.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(await reader.listEvents("r1")).toEqual([]);
    // of the first row one event only
    await persistence.markOutboxEventsPublished([ours[1]!.id, ours[2]!.id, "7.9", "no"]);
    expect(await reader.listEvents("r1")).toMatchObject([
      { sequence: 2, eventType: "workflow:suspended", payload: { workflowRunId: "r1", stageId: "a" }, causationId: "r1" },
      { sequence: 3, eventType: "mine", payload: { n: 1 }, causationId: "c", occurredAt: new Date(5) },
    ]);
    await persistence.markOutboxEventsPublished(ours.map(({ id }) => id));
    expect((await reader.listEvents("r1", 2, 2)).map(({ sequence }) => sequence)).toEqual([3, 4]);
    expect(await persistence.getUnpublishedOutboxEvents()).toMatchObject([{ workflowRunId: "nobody", sequence: 1 }]);
  });

  it("that were given up stand in nobody's way", async () => {
    const environment = createFakeEnvironment();
    const { persistence, reader, runStore } = openStore(environment);
    await persistence.createRun(run);
    await persistence.appendOutboxEvents(Array.from({ length: 4 }, (_, i) => event(`e${i}`)));
    const ids = (await persistence.getUnpublishedOutboxEvents()).map(({ id }) => id);
    for (const id of ids.slice(0, 3)) {
      expect(await persistence.incrementOutboxRetryCount(id)).toBe(1);
      await persistence.moveOutboxEventToDLQ(id);
      await environment.advance(1);
    }
    expect(await persistence.getUnpublishedOutboxEvents(1)).toMatchObject([{ eventType: "e3" }]);
    expect((await runStore.takeEvents({ max: 2, leaseMs: 1 }))!.fresh).toMatchObject([{ type: "e3" }]);
    const first = await reader.listDeadLetters({ limit: 2 });
    expect(first.items).toMatchObject([
      { consumer: "sink", tries: 1, error: null, event: { id: ids[0], retryCount: 1 } },
      { event: { id: ids[1] } },
    ]);
    const rest = await reader.listDeadLetters({ limit: 2, cursor: first.nextCursor! });
    expect([rest.items.map((letter) => letter.event.id), rest.nextCursor]).toEqual([[ids[2]], null]);
    expect([await persistence.replayDLQEvents(2), (await reader.listDeadLetters()).items.length]).toEqual([2, 1]);
    expect(await persistence.getUnpublishedOutboxEvents(1)).toMatchObject([{ id: ids[0], retryCount: 0, dlqAt: null }]);
  });
});
