// A store on PostgreSQL with a long history, and ordinary life on top of it: runs that go through, runs that wait, and everything that
// people and upkeep ask of it.
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { multiplyRuns } from "../../../../tools/postgres/multiply-runs.ts";
import { createTestDatabase, type TestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createKernel } from "../defaults.ts";
import { realEnvironment } from "../environment.ts";
import { createRegistry } from "../kernel/registry.ts";
import { CollectingEventSink } from "../kernel/testing/index.ts";
import type { PgPool } from "../sql/drivers/postgres-client.ts";
import { createPostgresStore, type PostgresStore } from "../sql/postgres.ts";
import { leaveEndedRuns, threeStages } from "./ended-runs.test-fixture.ts";
import { startHost } from "./loop-host.ts";

/** Schema of the store. */
export const schema = "history";

/** The history ends where the suites' clock begins, so that what they ask for by time means it. */
const end = Date.UTC(2025, 0, 1);
const aMoment = 60_000;
/** Runs that wait for each of the reasons there are. */
const waiting = 500;
const instance = { id: "i", workerId: "w" };

/** A database with so many ended runs, of whose tables nothing is known to the planner until `analyse`; the caller drops it. */
export async function createLongHistory(runs: number): Promise<TestDatabase> {
  const database = await createTestDatabase();
  await leaveEndedRuns(database.url, schema);
  await eachTable(database.url, (table) => `ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
  await multiplyRuns({ url: database.url, schema, runs, shiftMs: end - realEnvironment.now(), isAnalysed: false });
  return database;
}

/** Vacuums its tables and counts what is in them, as a database does by itself after a while. */
export async function analyse(connectionString: string): Promise<void> {
  await eachTable(connectionString, (table) => `VACUUM (ANALYZE) ${table}`);
}

async function eachTable(connectionString: string, sql: (table: string) => string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<{ name: string }>("SELECT tablename AS name FROM pg_tables WHERE schemaname = $1", [schema]);
  for (const { name } of rows) await client.query(sql(`${schema}.${name}`));
  await client.end();
}

/** Lives on it for a moment. Some runs wait in the end: for their time, for a worker, in a worker's hands; some events for a consumer. */
export async function liveOnHistory(connectionString: string): Promise<void> {
  const pool = new pg.Pool({ connectionString, max: 10, pipeline: true } as pg.PoolConfig);
  const store = createPostgresStore({ pool: pool as unknown as PgPool, schema });
  const kernel = createKernel({ ...store, eventSink: new CollectingEventSink(), registry: createRegistry([threeStages]) });
  const start = async (n: number, startAt?: Date): Promise<string> => {
    const create = { type: "run.create", idempotencyKey: `live ${n}`, workflowId: threeStages.id, input: { n }, startAt } as const;
    return (await kernel.dispatch(create)).workflowRunId;
  };
  const startMany = (from: number, count: number, startAt?: Date): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, (_, n) => start(from + n, startAt)));
  const host = startHost(kernel);
  const ids = await startMany(0, 30);
  while ((await store.persistence.getRunsByStatus("PENDING")).length + (await store.persistence.getRunsByStatus("RUNNING")).length > 0) {
    await sleep(20);
  }
  await upkeep(store);
  await host.stop();
  await look(store, ids);
  await kernel.dispatch({ type: "run.rerunFrom", workflowRunId: ids[10]!, fromStageId: "second" });
  await kernel.dispatch({ type: "run.delete", workflowRunId: ids[11]! });
  await startMany(1_000, waiting, new Date(realEnvironment.now() + 60_000));
  const queued = await startMany(2_000, 2 * waiting);
  await kernel.dispatch({ type: "run.cancel", workflowRunId: queued[0]! });
  await failConsumer(store);
  await kernel.dispatch({ type: "run.claimPending", workerId: "w", maxClaims: waiting });
  await store.runStore.takeJobs({ instance, max: waiting / 2, workflowIds: [threeStages.id] });
  await upkeep(store);
  await look(store, queued);
  await store.close();
  await pool.end();
}

/** A consumer that is out of reach: most of its deliveries are dead, some are due, and others wait behind those. */
async function failConsumer({ runStore }: PostgresStore): Promise<void> {
  const batch = await runStore.takeEvents({ max: 2 * waiting, leaseMs: 60_000 });
  if (!batch) throw new Error("nobody else should have the events");
  const now = realEnvironment.now();
  const failed = batch.fresh.map((event, n) => {
    const wait =
      n % 10 === 0 ? { nextAt: now, deadAt: null } : n % 10 === 1 ? { nextAt: null, deadAt: null } : { nextAt: null, deadAt: now };
    return { consumer: "audit", event, tries: 1, error: "out of reach", ...wait };
  });
  await runStore.settleEvents({ token: batch.token, published: batch.fresh, failed, delivered: [] });
  await runStore.takeEvents({ max: 100, leaseMs: 1 });
  await runStore.replayDeadLetters(10);
}

/** What a host does now and then, and retention at its largest. */
async function upkeep({ runStore, persistence, scheduler, aiCallLogger }: PostgresStore): Promise<void> {
  const now = realEnvironment.now();
  await runStore.heartbeat(instance);
  await runStore.listStale(60_000, 100);
  await runStore.listLeased(instance);
  await runStore.listStranded(now, 100);
  await runStore.listQueuedWorkflowIds();
  await runStore.nextWakeAt();
  await runStore.takePolls({ max: 10, holdMs: 1_000, workflowIds: [threeStages.id] });
  await persistence.getUnpublishedOutboxEvents(100);
  await scheduler.takeDue(new Date(end));
  await aiCallLogger.getStats("workflow.none");
  for (const before of [0, end - aMoment, now]) {
    await runStore.sweep({ publishedBefore: before, deadBefore: before, keysBefore: before, endedRunsBefore: before, max: 50 });
  }
}

/** What people look at. */
async function look({ reader, persistence }: PostgresStore, ids: readonly string[]): Promise<void> {
  const workflowId = threeStages.id;
  const statuses = [undefined, "PENDING", "RUNNING", "COMPLETED", "FAILED", "SKIPPED"] as const;
  const filters = statuses.flatMap((status) => [{ status }, { status, workflowId }, { status, createdAfter: new Date(end - aMoment) }]);
  for (const filter of filters) {
    const { nextCursor } = await reader.listRuns(filter);
    if (nextCursor !== null) await reader.listRuns(filter, { cursor: nextCursor });
  }
  const { items } = await reader.listRuns({ createdBefore: new Date(end - aMoment) });
  for (const id of [...ids.slice(0, 2), items[0]!.id]) {
    await reader.getRunDetail(id);
    await reader.listLogs(id);
    await reader.listAttempts(id);
    await reader.listEvents(id);
    await persistence.getStagesByRun(id);
  }
  const { cursor } = await reader.listAllEvents!();
  await reader.listAllEvents!(cursor);
  await reader.lastEventCursor!();
  await reader.listDeadLetters();
  await reader.countRuns();
}
