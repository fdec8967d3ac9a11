// A run that is deleted while its events are being published leaves no delivery behind (P18, P22): nobody would come to it, and as long as
// there is one every publisher has to look for those that wait.
import pg from "pg";
import { describe, expect, it } from "vitest";
import type { EventBatch, RunStore } from "../ports/store.ts";
import { createTestStores } from "./postgres-stores.test-fixture.ts";
import { changing, newRun, openMemory } from "./runs.test-fixture.ts";

const { database, open: openPostgres } = await createTestStores();

/** Two runs with an event each, taken to be published. */
async function takeTwo(runStore: RunStore): Promise<EventBatch> {
  for (const id of ["deleted", "kept"]) {
    await runStore.transact(changing(id, { create: newRun, events: [{ type: "workflow:created" }] }));
  }
  return (await runStore.takeEvents({ max: 10, leaseMs: 60_000 }))!;
}

/** Settles them: a consumer has failed with both. */
function settle(runStore: RunStore, { token, fresh }: EventBatch): Promise<boolean> {
  const failed = fresh.map((event) => ({ consumer: "c", event, tries: 1, nextAt: 0, deadAt: null, error: "no" }));
  return runStore.settleEvents({ token, published: fresh, failed, delivered: [] });
}

describe("a delivery that failed", () => {
  it.each([
    ["SQLite", () => openMemory()],
    ["PostgreSQL", () => openPostgres("before")],
  ])("on %s is not kept for a run that is gone", async (_, open) => {
    const { runStore } = open();
    const batch = await takeTwo(runStore);
    await runStore.transact(changing("deleted", { deleteRun: true }));
    expect(await settle(runStore, batch)).toBe(true);
    const again = (await runStore.takeEvents({ max: 10, leaseMs: 60_000 }))!;
    expect(again.pending.map(({ event }) => event.runId)).toEqual(["kept"]);
    expect(await runStore.settleEvents({ token: again.token, published: [], failed: [], delivered: again.pending })).toBe(true);
    // it is off the list of those that wait, so that nobody has to look
    expect(await runStore.publishUnread!()).toBe(0);
  });

  it("is not kept for a run that goes at the same time", async () => {
    const { runStore } = openPostgres("meanwhile");
    const batch = await takeTwo(runStore);
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query("BEGIN; DELETE FROM meanwhile.outbox WHERE run_id = 'deleted'; DELETE FROM meanwhile.runs WHERE id = 'deleted'");
    const settling = settle(runStore, batch);
    const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    await expect.poll(async () => (await database.query(waiting)).length).toBe(1);
    await other.query("COMMIT");
    await other.end();
    expect(await settling).toBe(true);
    expect(await database.query("SELECT run_id FROM meanwhile.deliveries")).toEqual([{ run_id: "kept" }]);
  });
});
