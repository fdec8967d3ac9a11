// graphile-worker on PostgreSQL: bare jobs, three of them a run, added in one call. Settings are those of its page on performance.
import pg from "pg";
import { acrossProcesses } from "../postgres/across-processes.ts";
import { countRows } from "../postgres/count-rows.ts";
import type { Halves } from "../postgres/halves.ts";
import { type Engine, threeStages } from "./engine.ts";
import { installedVersion } from "./installed-version.ts";

const concurrentJobs = 24;
const localQueueSize = 500;
const perRun = threeStages.stages;

export const halves: Halves = {
  async openStarter({ url }) {
    const { makeWorkerUtils } = await import("graphile-worker");
    const pgPool = openPool(url);
    const adder = await makeWorkerUtils({ pgPool, logger: await quiet() });
    await adder.migrate();
    let started = 0;
    return {
      start: async () => {
        await adder.addJobs(Array.from({ length: perRun }, () => ({ identifier: "addOne", payload: { n: 0 } })));
        started += 1;
      },
      // it deletes a job that has succeeded
      countCompleted: async () => started - (await countRows(url, "graphile_worker.jobs")) / perRun,
      close: async () => {
        await adder.release();
        await pgPool.end();
      },
    };
  },

  async openWorker({ url, ended }) {
    const { run } = await import("graphile-worker");
    const pgPool = openPool(url);
    pgPool.on("connect", (client) => tellEnds(client, (jobs) => ended(jobs / perRun)));
    const logger = await quiet();
    let runner: Awaited<ReturnType<typeof run>> | null = null;
    return {
      work: async () => {
        runner = await run({
          preset: {
            worker: { concurrentJobs, localQueue: { size: localQueueSize }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
          },
          pgPool,
          logger,
          noHandleSignals: true,
          taskList: { addOne: async (payload) => void ((payload as { n: number }).n + 1) },
        });
      },
      close: async () => {
        await runner?.stop();
        await pgPool.end();
      },
    };
  },
};

/** graphile-worker. */
export const graphileWorker: Engine = acrossProcesses({
  name: "graphile-worker",
  kind: "jobs",
  version: installedVersion("graphile-worker"),
  settings: `concurrentJobs ${concurrentJobs}, localQueue.size ${localQueueSize}, completions batched; ${perRun} jobs are a run`,
  share: 0.25,
  module: import.meta.url,
  halves,
});

function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: concurrentJobs + 1 });
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

async function quiet() {
  const { Logger } = await import("graphile-worker");
  return new Logger(() => () => undefined);
}

/** Stands before the query that deletes jobs that have succeeded: its event `job:complete` comes before that commit. */
function tellEnds(client: pg.PoolClient, ended: (jobs: number) => void): void {
  // `query` has many forms; the one that matters is given one object and answers a promise
  const target = client as unknown as { query(...args: unknown[]): unknown };
  const query = target.query.bind(client);
  target.query = (...args) => {
    const answer = query(...args);
    const { name, rowsOf } = readQuery(args[0]);
    if (!name?.startsWith("complete_job")) return answer;
    return (answer as Promise<unknown>).then((result) => {
      ended(rowsOf);
      return result;
    });
  };
}

function readQuery(config: unknown): { name?: string | undefined; rowsOf: number } {
  const { name, values } = (typeof config === "object" && config !== null ? config : {}) as { name?: string; values?: unknown[] };
  const first = values?.[0];
  return { name, rowsOf: Array.isArray(first) ? first.length : 1 };
}
