// Retention while others are at work (P22): what somebody has brought back to life between being found and being deleted stays.
import pg from "pg";
import { describe, expect, it } from "vitest";
import type { SweepLimits } from "../ports/store.ts";
import { createTestStores } from "./postgres-stores.test-fixture.ts";
import { changing, newRun } from "./runs.test-fixture.ts";

const { database, open } = await createTestStores();

const long = 10_000;
const limits: SweepLimits = { publishedBefore: 0, deadBefore: long, keysBefore: long, endedRunsBefore: long, max: 10 };

/** Sweeps while somebody else has changed rows and not committed yet; commits once the sweep waits. */
async function sweepBehind(store: ReturnType<typeof open>, change: string): Promise<void> {
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await other.query(`BEGIN; ${change}`);
  const sweeping = store.runStore.sweep(limits);
  const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  await expect.poll(async () => (await database.query(waiting)).length).toBe(1);
  await other.query("COMMIT");
  await other.end();
  await sweeping;
}

describe("a sweep", () => {
  it("leaves a run that somebody has just rerun, with all that belongs to it", async () => {
    const store = open("rerun");
    const ended = { status: "COMPLETED" as const, completedAt: 1, queuedAt: null };
    for (const id of ["rerun", "old"]) {
      await store.runStore.transact(changing(id, { create: newRun, run: ended, events: [{ type: "workflow:created" }] }));
    }
    await database.query("UPDATE rerun.runs SET created_at = 0");
    await sweepBehind(store, "UPDATE rerun.runs SET status = 'RUNNING', completed_at = NULL, version = version + 1 WHERE id = 'rerun'");
    expect(await database.query("SELECT r.id FROM rerun.runs r JOIN rerun.outbox o ON o.run_id = r.id")).toEqual([{ id: "rerun" }]);
  });

  it("leaves a key that somebody has just taken (P2)", async () => {
    const store = open("taken");
    for (const key of ["taken", "old"]) await store.persistence.acquireIdempotencyKey(key, "run.create", { leaseMs: 1 });
    await database.query("UPDATE taken.keys SET created_at = 0, held_until = 1");
    await sweepBehind(store, `UPDATE taken.keys SET held_until = ${long} WHERE key = 'taken'`);
    expect(await database.query("SELECT key FROM taken.keys")).toEqual([{ key: "taken" }]);
  });

  it("leaves a dead letter that somebody has just made deliverable again (P18)", async () => {
    const store = open("revived");
    const { runStore } = store;
    await runStore.transact(changing("r", { create: newRun, events: [{ type: "workflow:created" }, { type: "workflow:started" }] }));
    const { fresh, token } = (await runStore.takeEvents({ max: 10, leaseMs: 60_000 }))!;
    const failed = fresh.map((event) => ({ consumer: "c", event, tries: 9, nextAt: null, deadAt: 1, error: "no" }));
    expect(await runStore.settleEvents({ token, published: fresh, failed, delivered: [] })).toBe(true);
    const lease = "SELECT FROM revived.leases FOR NO KEY UPDATE";
    await sweepBehind(store, `${lease}; UPDATE revived.deliveries SET dead_at = NULL, next_at = 0, tries = 0 WHERE idx = 0`);
    expect(await database.query("SELECT idx::int FROM revived.deliveries")).toEqual([{ idx: 0 }]);
  });
});
