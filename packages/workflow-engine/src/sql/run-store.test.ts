// The door over SQL: batches that fold, units that fail alone, what is remembered, events through publication and retention.
import { beforeEach, describe, expect, it } from "vitest";
import type { Snapshot, Unit } from "../ports/store.ts";
import { changing, ending, instance, looking, newRun, openMemory, stageOf, starting } from "./runs.test-fixture.ts";

let store: ReturnType<typeof openMemory>;
beforeEach(() => {
  store = openMemory();
});
const limits = { publishedBefore: 0, deadBefore: 0, keysBefore: 0, endedRunsBefore: null, max: 100 };
const creating = (runId: string, input = "{}"): Unit<null> => ({
  runId,
  decide: () => ({ result: null, create: { ...newRun, input }, events: [{ type: "workflow:created", workflowId: "w" }] }),
});

describe("a batch (P4)", () => {
  it("folds what comes together: each unit sees those before it, and the last one sees that it is the last", async () => {
    const ids = Array.from({ length: 300 }, (_, i) => `s${i}`);
    await store.runStore.transact(starting("r1", ...ids.map((id, i) => stageOf("r1", id, { number: i + 1 }))));
    const open = await Promise.all(ids.map((id) => store.runStore.transact(ending("r1", id))));
    expect(open).toEqual(ids.map((_, i) => 300 - i));
    expect(await Promise.all(ids.map((id) => store.runStore.transact(ending("r1", id))))).toEqual(ids.map(() => -1));
    expect((await store.runStore.transact(looking("r1"))).version).toBe(301);
  });

  it("shows outputs and stages that it has decided and not written yet", async () => {
    await store.runStore.transact(starting("r1", stageOf("r1", "a"), stageOf("r1", "b", { number: 2 })));
    const outputs: Unit<unknown> = {
      runId: "r1",
      decide: ({ outputs }) => (outputs ? { result: outputs } : { result: null, need: "outputs" }),
    };
    const [, seen, , both] = await Promise.all([
      store.runStore.transact(ending("r1", "a", "0")),
      store.runStore.transact(outputs),
      store.runStore.transact(ending("r1", "b", '""')),
      store.runStore.transact(outputs),
    ]);
    expect([seen, both]).toEqual([{ a: "0" }, { a: "0", b: '""' }]);
  });

  it("shows rows that were ended, dropped and opened by statement", async () => {
    await store.runStore.transact(starting("r1", stageOf("r1", "a"), stageOf("r1", "b", { number: 2 }), stageOf("r1", "c", { group: 2 })));
    const seen = await Promise.all([
      store.runStore.transact(ending("r1", "a")),
      store.runStore.transact(changing("r1", { endOpen: "CANCELLED" })),
      store.runStore.transact(looking("r1")),
      store.runStore.transact(changing("r1", { dropFrom: 1, open: [stageOf("r1", "b")] })),
      store.runStore.transact(looking("r1")),
      store.runStore.transact(changing("r1", { open: [stageOf("r1", "d", { number: 2 })] })),
      store.runStore.transact(changing("r1", { endOpen: "SKIPPED" })),
      store.runStore.transact(looking("r1")),
      store.runStore.transact(changing("r1", { deleteRun: true })),
      store.runStore.transact(creating("r1")),
      store.runStore.transact(looking("r1")),
    ]);
    expect([seen[2]!.stages, seen[4]!.stages, seen[7]!.stages, seen[10]]).toEqual([
      ["a COMPLETED", "b CANCELLED", "c CANCELLED"],
      ["b PENDING"],
      ["b SKIPPED", "d SKIPPED"],
      { status: "PENDING", version: 1, stages: [] },
    ]);
  });

  it("asks a rule once, and again only for what it needs", async () => {
    await store.runStore.transact(starting("r1", stageOf("r1", "a")));
    let asked = 0;
    const counting: Unit<null> = {
      runId: "r1",
      decide: ({ stages }) => {
        asked += 1;
        return stages ? { result: null, stages: [{ stageId: "a", item: 0, set: { attempt: 1 } }] } : { result: null, need: "stages" };
      },
    };
    await store.runStore.transact(counting);
    expect(asked).toBe(2);
  });
});

describe("a unit that fails (P20)", () => {
  it("fails alone when its rule throws or asks for the impossible", async () => {
    await store.runStore.transact(starting("r1", stageOf("r1", "a"), stageOf("r1", "b", { number: 2 })));
    const throwing: Unit<null> = {
      runId: "r1",
      decide: () => {
        throw new Error("rule");
      },
    };
    const ends = await Promise.allSettled([
      store.runStore.transact(ending("r1", "a")),
      store.runStore.transact(throwing),
      store.runStore.transact(changing("r1", { stages: [{ stageId: "missing", item: 0, set: {} }], run: { status: "FAILED" } })),
      store.runStore.transact(changing("nowhere", { run: { status: "FAILED" } })),
      store.runStore.transact(creating("r1")),
      store.runStore.transact(changing("r1", { open: [stageOf("r1", "b")] })),
      store.runStore.transact(changing("r1", { open: [stageOf("r1", "c"), stageOf("r1", "c")] })),
      store.runStore.transact(ending("r1", "b")),
    ]);
    const codes = ends.map((end) => (end.status === "fulfilled" ? end.value : (end.reason.code ?? end.reason.message)));
    expect(codes).toEqual([2, "rule", "STAGE_NOT_FOUND", "RUN_NOT_FOUND", "RUN_STATE", "STORE_REFUSED", "STORE_REFUSED", 1]);
    expect((await store.runStore.transact(looking("r1"))).status).toBe("RUNNING");
  });

  it("fails alone when the database refuses it, whatever its place among 500, and leaves nothing behind", async () => {
    await store.migrate();
    // the artifact's data must not be null: what a broken caller would send
    const poison = (runId: string): Unit<null> => ({
      runId,
      decide: () => ({
        result: null,
        create: newRun,
        artifacts: [{ stageId: null, key: "k", type: "ARTIFACT", data: null as never, bytes: 0 }],
        events: [{ type: "workflow:created", workflowId: "w" }],
      }),
    });
    const units = Array.from({ length: 500 }, (_, i) => (i === 250 ? poison("bad") : creating(`r${i}`)));
    const ends = await Promise.allSettled(units.map((unit) => store.runStore.transact(unit)));
    expect(ends.filter((end) => end.status === "fulfilled")).toHaveLength(499);
    const refused = ends[250] as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({ code: "STORE_REFUSED", message: expect.stringContaining("workflow run bad") });
    expect((await store.runStore.transact(looking("bad"))).status).toBeUndefined();
    const events = (await store.runStore.takeEvents({ max: 1_000, leaseMs: 1 }))!.fresh;
    expect(events).toHaveLength(499);
    expect(events.filter((event) => event.runId === "bad")).toEqual([]);
  });

  it("does not keep others from being claimed, nor from the places before it", async () => {
    for (const id of ["a", "b", "c"]) await store.runStore.transact(creating(id));
    const claim = (max: number): Promise<string[]> =>
      store.runStore.claimRuns({ max, workflowIds: ["w"] }, ({ run }) => {
        if (run!.id === "a") throw new Error("bad");
        // the second is one that the database refuses
        const broken = { artifacts: [{ stageId: null, key: "k", type: "ARTIFACT" as const, data: null as never, bytes: 0 }] };
        return { result: run!.id, run: { status: "RUNNING", queuedAt: null }, ...(run!.id === "b" && broken) };
      });
    expect(await claim(1)).toEqual(["c"]);
    expect((await store.runStore.transact(looking("b"))).status).toBe("PENDING");
  });
});

describe("what the store remembers of the runs it moves", () => {
  const lease = { instanceId: "i1", workerId: "worker", lockedAt: 0 };
  const leased = (runId: string) => stageOf(runId, "a", { status: "RUNNING", readyAt: null, attempt: 1, lease });

  it("gives way to what others have written: the queue's view, the CRUD port, a sweep", async () => {
    await store.runStore.transact(starting("r1", leased("r1"), stageOf("r1", "b", { number: 2, lease: null })));
    await store.runStore.takeJobs({ instance, max: 1, workflowIds: ["w"] });
    const statusOf = (stageId: string): Unit<unknown> => {
      return { runId: "r1", stage: { stageId, item: 0 }, decide: ({ stage }) => ({ result: stage?.status }) };
    };
    expect(await store.runStore.transact(statusOf("b"))).toBe("RUNNING");
    await store.persistence.updateRun("r1", { status: "CANCELLED" });
    expect(await store.runStore.transact({ runId: "r1", decide: ({ run }) => ({ result: run!.status }) })).toBe("CANCELLED");
  });

  it("never changes what callers were shown", async () => {
    await store.runStore.transact(starting("r1", leased("r1")));
    const look: Unit<Pick<Snapshot, "run" | "stage">> = {
      runId: "r1",
      stage: { stageId: "a", item: 0 },
      decide: ({ run, stage }) => ({ result: { run, stage } }),
    };
    const seen = await store.runStore.transact(look);
    const before = structuredClone(seen);
    const set = { status: "COMPLETED", completedAt: 5 } as const;
    await store.runStore.transact(changing("r1", { stages: [{ stageId: "a", item: 0, set }], run: { open: 0 } }));
    expect(seen).toEqual(before);
    expect(await store.runStore.transact(look)).toMatchObject({ run: { version: before.run!.version + 1 }, stage: set });
  });

  it("is forgotten with a batch that was rolled back", async () => {
    await store.runStore.transact(starting("r1", leased("r1")));
    const broken = changing("r1", {
      run: { open: 7 },
      artifacts: [{ stageId: null, key: "k", type: "ARTIFACT", data: null as never, bytes: 0 }],
    });
    await expect(store.runStore.transact(broken)).rejects.toMatchObject({ code: "STORE_REFUSED" });
    expect(await store.runStore.transact(ending("r1", "a"))).toBe(1);
    // a take of the same batch goes on without it, past what was remembered of its run
    await store.runStore.transact(starting("r2", leased("r2"), stageOf("r2", "b", { number: 2 })));
    const [, jobs] = await Promise.allSettled([
      store.runStore.transact(broken),
      store.runStore.takeJobs({ instance, max: 1, workflowIds: ["w"] }),
    ]);
    expect(jobs).toMatchObject({ status: "fulfilled", value: [{ runId: "r2", stageId: "b" }] });
    const look: Unit<unknown> = { runId: "r2", stage: { stageId: "b", item: 0 }, decide: ({ stage }) => ({ result: stage?.status }) };
    expect(await store.runStore.transact(look)).toBe("RUNNING");
  });
});

describe("events (P18, P22)", () => {
  const publish = async (max = 100): Promise<Array<[string, number]>> => {
    const batch = (await store.runStore.takeEvents({ max, leaseMs: 1_000 }))!;
    await store.runStore.settleEvents({ token: batch.token, published: batch.fresh, failed: [], delivered: [] });
    return batch.fresh.map((event) => [event.runId, event.sequence]);
  };

  it("are counted on over publication and retention, and never taken twice", async () => {
    await store.runStore.transact(starting("r1", stageOf("r1", "a"), stageOf("r1", "b", { number: 2 })));
    expect(await publish()).toEqual([["r1", 1]]);
    await store.advance(10);
    expect(await store.runStore.sweep({ ...limits, publishedBefore: store.environment.now() })).toMatchObject({ events: 1 });
    await store.runStore.transact(ending("r1", "a"));
    expect(await publish()).toEqual([["r1", 2]]);
    await store.runStore.transact(ending("r1", "b"));
    expect([await publish(), await publish()]).toEqual([[["r1", 3]], []]);
    const listed = await store.reader.listEvents("r1");
    expect(listed.map((event) => [event.sequence, event.publishedAt?.getTime()])).toEqual([
      [2, store.environment.now()],
      [3, store.environment.now()],
    ]);
  });

  it("of a flusher that published a part are taken again, the rest of them", async () => {
    for (const id of ["r1", "r2", "r3"]) await store.runStore.transact(creating(id));
    const batch = (await store.runStore.takeEvents({ max: 10, leaseMs: 1_000 }))!;
    const published = batch.fresh.filter((event) => event.runId !== "r2");
    await store.runStore.settleEvents({ token: batch.token, published, failed: [], delivered: [] });
    expect(await publish()).toEqual([["r2", 1]]);
    expect(await publish()).toEqual([]);
    expect((await store.reader.listEvents("r3"))[0]!.publishedAt).not.toBeNull();
  });

  it("given up through the CRUD port stay given up when those around them are published, and come back by replay", async () => {
    await store.runStore.transact(starting("r1", stageOf("r1", "a")));
    await store.runStore.transact(changing("r1", { events: [{ type: "stage:progress" }, { type: "stage:progress" }] }));
    await store.runStore.transact(creating("r2"));
    const [, , second] = await store.persistence.getUnpublishedOutboxEvents();
    await store.persistence.moveOutboxEventToDLQ(second!.id);
    expect(await publish()).toEqual([
      ["r1", 1],
      ["r1", 2],
      ["r2", 1],
    ]);
    expect((await store.reader.listEvents("r1")).map((event) => event.sequence)).toEqual([1, 2]);
    expect(await publish()).toEqual([]);
    expect(await store.runStore.replayDeadLetters(10)).toBe(1);
    expect(await publish()).toEqual([["r1", 3]]);
    expect(await publish()).toEqual([]);
    await store.advance(10);
    expect(await store.runStore.sweep({ ...limits, publishedBefore: store.environment.now() })).toMatchObject({ events: 4 });
  });
});

describe("leases (P13, P14)", () => {
  it("are found stale though their instance never said that it lives, and silent instances without any are forgotten", async () => {
    const lease = { instanceId: "mute", workerId: "w", lockedAt: store.environment.now() };
    await store.runStore.transact(starting("r1", stageOf("r1", "a", { status: "RUNNING", readyAt: null, lease })));
    await store.runStore.heartbeat({ id: "idle", workerId: "w" });
    expect(await store.runStore.listStale(1_000, 10)).toEqual([]);
    await store.advance(1_001);
    expect(await store.runStore.listStale(1_000, 10)).toEqual([{ runId: "r1", stageId: "a", item: 0, executionId: "x-r1-a" }]);
    await store.runStore.transact(changing("r1", { stages: [{ stageId: "a", item: 0, set: { status: "PENDING", lease: null } }] }));
    expect(await store.runStore.listStale(1_000, 10)).toEqual([]);
    // a heartbeat after that makes it known again
    await store.runStore.heartbeat({ id: "mute", workerId: "w" });
    expect(await store.runStore.listStale(1_000, 10)).toEqual([]);
  });
});
