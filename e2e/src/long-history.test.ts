// A store with a million ended runs is as fast as an empty one: draining, and the way of a single run through an idle worker, on one
// PostgreSQL that commits durably, in turns. Only where everything is proved: what it shows is a figure.
import { createKernel, createRegistry, defineStage, defineWorkflow, realEnvironment } from "@bratsos/workflow-engine";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { recordFigure } from "../../tools/figures.ts";
import { multiplyRuns, ofOneMoment } from "../../tools/postgres/multiply-runs.ts";
import { startPostgres } from "../../tools/postgres/server.ts";
import { createTestDatabase, type TestDatabase } from "../../tools/postgres/test-databases.ts";

const history = Number(process.env["LONG_HISTORY"] ?? 1_000_000);
const few = 100;
const drained = 5_000;
const singles = 200;
const turns = 5;
/** Of the empty store's figure, how much worse the other's may be. */
const tolerance = 1.2;
/** What a page of ended runs holds more than inserts left in it, in percent. */
const grown = 10;

const number = z.object({ n: z.number() });
const addOne = (id: string) =>
  defineStage({
    ...{ id, name: id, schemas: { input: number, output: number, config: z.object({}) } },
    execute: ({ input }) => ({ output: { n: input.n + 1 } }),
  });
const workflow = defineWorkflow({ id: "add", name: "Add", input: number }).pipe(addOne("a")).pipe(addOne("b")).pipe(addOne("c")).build();

/** A worker on a schema, and its client. */
function open(connectionString: string, schema: string, isOfOneMoment = false) {
  const newId = isOfOneMoment ? ofOneMoment(realEnvironment.newId) : realEnvironment.newId;
  const store = createPostgresStore({ connectionString, schema, environment: { ...realEnvironment, newId } });
  const kernel = createKernel({ ...store, registry: createRegistry([workflow]) });
  const host = createNodeHost({ kernel, workerId: "worker", handleSignals: false });
  let ended = 0;
  let onEnd = (): void => undefined;
  store.runStore.onSignal((signal) => {
    ended += signal.ended?.length ?? 0;
    onEnd();
  });
  const start = (): Promise<unknown> => {
    return kernel.dispatch({ type: "run.create", idempotencyKey: newId(), workflowId: "add", input: { n: 0 } });
  };
  const ends = (count: number): Promise<void> => {
    const target = ended + count;
    return new Promise((resolve) => {
      onEnd = () => ended >= target && resolve();
    });
  };
  return { store, host, start, ends };
}

/** Runs a second of a drain. */
async function drain(url: string, schema: string): Promise<number> {
  const { store, host, start, ends } = open(url, schema);
  for (let i = 0; i < drained; i += 500) await Promise.all(Array.from({ length: 500 }, start));
  const all = ends(drained);
  const startedAt = performance.now();
  await host.start();
  await all;
  const seconds = (performance.now() - startedAt) / 1_000;
  await host.stop();
  await store.close();
  return drained / seconds;
}

/** Milliseconds from start to end of a run on an idle worker, the median. */
async function latency(url: string, schema: string): Promise<number> {
  const { store, host, start, ends } = open(url, schema);
  await host.start();
  const times: number[] = [];
  for (let i = 0; i < singles; i++) {
    const end = ends(1);
    const startedAt = performance.now();
    await start();
    await end;
    times.push(performance.now() - startedAt);
  }
  await host.stop();
  await store.close();
  return median(times);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Does something while inserts fill the pages of a schema's tables by a few percent more than they are made to. */
async function withFullerPages({ query }: Pick<TestDatabase, "query">, schema: string, run: () => Promise<unknown>): Promise<void> {
  const tables = await query(
    `SELECT relname, substring(reloptions::text FROM 'fillfactor=([0-9]+)')::int AS percent FROM pg_class
     WHERE relnamespace = '${schema}'::regnamespace AND relkind = 'r' AND reloptions::text LIKE '%fillfactor%'`,
  );
  const setAll = async (more: number): Promise<void> => {
    for (const { relname, percent } of tables) {
      await query(`ALTER TABLE ${schema}.${relname} SET (fillfactor = ${Math.min(100, Number(percent) + more)})`);
    }
  };
  await setAll(grown);
  await run();
  await setAll(0);
}

/** Makes a history in a schema. */
async function fill(database: TestDatabase, schema: string): Promise<void> {
  const { url } = database;
  const { store, host, start, ends } = open(url, schema, true);
  const all = ends(few);
  await host.start();
  for (let i = 0; i < few; i++) await start();
  await all;
  while ((await store.persistence.getUnpublishedOutboxEvents(1)).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await host.stop();
  await store.close();
  // rows grow where they are while a run goes on, so the pages of those that have ended are fuller than inserts make them
  await withFullerPages(database, schema, () => multiplyRuns({ url, schema, runs: history }));
}

describe.runIf(process.env["PROOF"] === "full")("a long history", () => {
  const ends: Array<() => Promise<void>> = [];
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  it(`P22: ${history} ended runs cost neither throughput nor latency`, { timeout: 1_200_000 }, async () => {
    const server = await startPostgres({ isDurable: true });
    ends.push(() => server.stop());
    const database = await createTestDatabase(server.url);
    const { url } = database;
    await fill(database, "long");
    // a history of months was vacuumed and written out as it grew: that of a minute is no part of what is measured
    await database.query("VACUUM (ANALYZE)");
    await database.query("CHECKPOINT");
    const schemas = ["empty", "long"] as const;
    const rates = { empty: [] as number[], long: [] as number[] };
    const times = { empty: [] as number[], long: [] as number[] };
    // the first turn makes tables and warms up; nobody counts it
    for (let turn = 0; turn <= turns; turn++) {
      for (const schema of turn % 2 === 0 ? schemas : schemas.toReversed()) {
        const [rate, time] = [await drain(url, schema), await latency(url, schema)];
        if (turn > 0) rates[schema].push(rate);
        if (turn > 0) times[schema].push(time);
      }
    }
    const [slower, later] = [median(rates.empty) / median(rates.long), median(times.long) / median(times.empty)];
    const shown = `${Math.round(median(rates.long))} against ${Math.round(median(rates.empty))}`;
    recordFigure({ promise: "P22", claim: `runs/s with ${history} ended runs, and with none`, figure: shown, store: "postgres" });
    const shownTime = `${median(times.long).toFixed(1)} against ${median(times.empty).toFixed(1)}`;
    recordFigure({
      promise: "P22",
      claim: `ms of a single run, p50, with ${history} ended runs, and with none`,
      figure: shownTime,
      store: "postgres",
    });
    expect(Math.max(slower, later), `${shown} runs/s, ${shownTime} ms`).toBeLessThan(tolerance);
  });
});
