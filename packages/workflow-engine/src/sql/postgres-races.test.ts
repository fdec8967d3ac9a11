// What many processes at once do to one PostgreSQL: rivals for one key, workers whose clocks are wrong (P2, P13, settled by the
// database's clock).
import pg from "pg";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createKernel } from "../defaults.ts";
import { defineWorkflow } from "../define/builder.ts";
import { defineStage } from "../define/stage.ts";
import { realEnvironment } from "../environment.ts";
import { createRegistry } from "../kernel/registry.ts";
import type { Decide, Unit, UnitKey } from "../ports/store.ts";
import { createPostgresStore } from "./postgres.ts";
import { ending, instance, newRun, stageOf, starting } from "./runs.test-fixture.ts";

const database = await createTestDatabase();
afterAll(() => database.drop());
const stores: Array<{ close(): Promise<void> }> = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

const anHour = 60 * 60_000;
const rivals = 50;
const processes = 8;
const rounds = process.env["PROOF"] === "full" ? 200 : 20;
const keys = process.env["PROOF"] === "full" ? 50 : 5;
const anyWorkflow = ["w"];

/** A process on the database, its clock ahead by so much. */
function open(schema: string, ahead = 0) {
  const environment = { ...realEnvironment, now: () => realEnvironment.now() + ahead };
  const store = createPostgresStore({ connectionString: database.url, schema, environment });
  stores.push(store);
  return store;
}

const Any = z.unknown();
const stage = defineStage({
  id: "a",
  name: "A",
  schemas: { input: Any, output: Any, config: z.object({}) },
  execute: async () => ({ output: 1 }),
});
const workflow = defineWorkflow({ id: "w", name: "W", input: z.object({}) })
  .pipe(stage)
  .build();

describe("many processes on PostgreSQL", () => {
  it(`P2: ${rivals} rivals in ${processes} processes make one run of each key`, async () => {
    const registry = createRegistry([workflow]);
    const kernels = Array.from({ length: processes }, () => createKernel({ ...open("rivals"), registry }));
    for (let n = 0; n < keys; n++) {
      const create = { type: "run.create", idempotencyKey: `key${n}`, workflowId: "w", input: {} } as const;
      const ends = await Promise.allSettled(Array.from({ length: rivals }, (_, i) => kernels[i % processes]!.dispatch(create)));
      const ids = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value.workflowRunId] : []));
      const codes = ends.flatMap((end) => (end.status === "rejected" ? [end.reason.code] : []));
      expect(new Set(ids).size).toBe(1);
      // whoever was not answered learned that another was at it, and nothing else
      expect(codes.filter((code) => code !== "IDEMPOTENCY_IN_PROGRESS")).toEqual([]);
    }
    const [counts] = await database.query(
      "SELECT (SELECT count(*) FROM rivals.runs)::int AS runs, (SELECT sum(count) FROM rivals.outbox)::int AS events",
    );
    expect(counts).toEqual({ runs: keys, events: keys });
  });

  it("P4: what processes remember of runs that others change, too, costs nobody's change", async () => {
    const stores = [open("remembered"), open("remembered"), open("remembered")];
    const ids = ["r1", "r2", "r3", "r4"];
    for (const id of ids) await stores[0]!.runStore.transact(starting(id, stageOf(id, "a", { readyAt: null })));
    const raise: Decide<null> = ({ run }) => ({ result: null, run: { priority: run!.priority + 1 } });
    const change = async ({ runStore }: (typeof stores)[number]): Promise<void> => {
      for (let n = 0; n < rounds; n++) await Promise.all(ids.map((runId) => runStore.transact({ runId, decide: raise })));
    };
    await Promise.all(stores.map(change));
    const rows = await database.query("SELECT priority::int, version::int FROM remembered.runs");
    const changes = stores.length * rounds;
    expect(rows).toEqual(ids.map(() => ({ priority: newRun.priority + changes, version: 1 + changes })));
  });

  it("P2, P4: a key is locked behind its run by whoever knows the run, too: nobody waits in a circle", async () => {
    const [worker, other] = [open("keyed"), open("keyed")];
    const key = (owner: string, mode: "hold" | "settle"): UnitKey<null> => {
      return { key: "k", commandType: "job.execute", hash: "h", mode, owner, resultOf: () => null, replay: () => null };
    };
    const change = (runId: string, owner: string, mode: "hold" | "settle"): Unit<null> => {
      const stages = [{ stageId: "a", item: 0, set: { pollFailures: 1 } }];
      return {
        runId,
        stage: { stageId: "a", item: 0 },
        key: { ...key(owner, mode), key: runId },
        decide: () => ({ result: null, stages, run: {} }),
      };
    };
    for (let n = 0; n < rounds; n++) {
      const id = `r${n}`;
      await worker.runStore.transact(starting(id, stageOf(id, "a", { readyAt: null })));
      await worker.runStore.transact(change(id, "one", "hold"));
      await Promise.allSettled([worker.runStore.transact(change(id, "one", "settle")), other.runStore.transact(change(id, "two", "hold"))]);
    }
    // what a connection has met it tells a second later
    await new Promise<void>((resolve) => realEnvironment.setTimer(1_200, resolve));
    expect(await database.query("SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()")).toEqual([
      { deadlocks: 0 },
    ]);
  });

  it(`P18: of ${processes} processes that publish at once one does, each time, and no event is told twice`, async () => {
    const told: string[] = [];
    const registry = createRegistry([workflow]);
    const eventSink = { emit: async ({ eventId }: { eventId?: string }) => void told.push(String(eventId)) };
    const stores = Array.from({ length: processes }, () => open("publishers"));
    const kernels = stores.map((store) => createKernel({ ...store, registry, eventSink }));
    const create = (n: number) => ({ type: "run.create", idempotencyKey: `key${n}`, workflowId: "w", input: {} }) as const;
    for (let n = 0; n < rounds; n++) {
      await kernels[0]!.dispatch(create(n));
      const batches = await Promise.all(stores.map(({ runStore }) => runStore.takeEvents({ max: 10, leaseMs: 60_000 })));
      const [taken, ...others] = batches.flatMap((batch) => batch ?? []);
      expect(taken?.fresh).toHaveLength(1);
      expect(others).toEqual([]);
      const report = { token: taken!.token, published: n % 2 ? taken!.fresh : [], failed: [], delivered: [] };
      const settled = await Promise.all(stores.map(({ runStore }) => runStore.settleEvents(report)));
      expect(settled.filter(Boolean)).toHaveLength(1);
      // what is left unpublished every other time, and what comes meanwhile, goes to those who ask at once
      const flushed = await Promise.all(kernels.map((kernel) => kernel.dispatch({ type: "outbox.flush" })));
      expect(flushed.reduce((sum, { published }) => sum + published, 0)).toBe(n % 2 ? 0 : 1);
    }
    expect(told).toHaveLength(rounds / 2);
    expect(new Set(told).size).toBe(rounds / 2);
  });

  it("P16: a worker that passes by a sibling because its run is locked is told once it can take it", async () => {
    const { runStore } = open("siblings");
    await runStore.transact(starting("r1", stageOf("r1", "a"), stageOf("r1", "b")));
    const taking = () => runStore.takeJobs({ instance, max: 5, workflowIds: anyWorkflow });
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query("BEGIN; SELECT FROM siblings.runs FOR NO KEY UPDATE");
    let isTold = false;
    const told = new Promise<void>((resolve) => {
      // whoever begins to listen is told to look for everything: that is another signal
      runStore.onSignal(({ hasWork, mayHaveLost }) => {
        if (!hasWork || mayHaveLost) return;
        isTold = true;
        resolve();
      });
    });
    expect(await taking()).toEqual([]);
    expect(isTold).toBe(false);
    await other.query("COMMIT");
    await told;
    expect((await taking()).map(({ stageId }) => stageId).sort()).toEqual(["a", "b"]);
    await other.end();
  });

  it("P16: a worker is not kept from a sibling by the end of another that it writes itself", async () => {
    const { runStore } = open("own_siblings");
    const ids = Array.from({ length: 30 }, (_, n) => `r${n}`);
    for (const id of ids) await runStore.transact(starting(id, stageOf(id, "a", { readyAt: null }), stageOf(id, "b", { readyAt: null })));
    for (const id of ids) {
      await database.query(`UPDATE own_siblings.stages SET ready_at = 0 WHERE run_id = '${id}' AND stage_id = 'b'`);
      const taking = (): Promise<unknown[]> => runStore.takeJobs({ instance, max: 1, workflowIds: anyWorkflow });
      const [, taken] = await Promise.all([runStore.transact(ending(id, "a")), taking()]);
      expect(taken).toHaveLength(1);
    }
  });

  it.each([anHour, -anHour])(
    "P13: a worker whose clock is wrong by %i ms takes no live lease, and its own is none to be taken",
    async (ahead) => {
      const schema = `clock${ahead > 0 ? "_ahead" : "_behind"}`;
      const [right, wrong] = [open(schema), open(schema, ahead)];
      const other = { id: "i2", workerId: "wrong" };
      await right.runStore.transact(starting("r1", stageOf("r1", "a")));
      await right.runStore.transact(starting("r2", stageOf("r2", "a")));
      const both = [
        ...(await right.runStore.takeJobs({ instance, max: 1, workflowIds: anyWorkflow })),
        ...(await wrong.runStore.takeJobs({ instance: other, max: 1, workflowIds: anyWorkflow })),
      ];
      expect(both.map(({ runId }) => runId)).toEqual(["r1", "r2"]);
      for (const store of [right, wrong]) expect(await store.runStore.listStale(60_000, 10)).toEqual([]);
      await right.runStore.heartbeat(instance);
      await wrong.runStore.heartbeat(other);
      for (const store of [right, wrong]) expect(await store.runStore.listStale(60_000, 10)).toEqual([]);
      // the lease on the events is as safe
      const first = ahead > 0 ? right : wrong;
      const second = ahead > 0 ? wrong : right;
      expect(await first.runStore.takeEvents({ max: 1, leaseMs: 60_000 })).not.toBeNull();
      expect(await second.runStore.takeEvents({ max: 1, leaseMs: 60_000 })).toBeNull();
      await wrong.runStore.forget(other);
      expect(await right.runStore.listStale(60_000, 10)).toMatchObject([{ runId: "r2" }]);
    },
  );
});
