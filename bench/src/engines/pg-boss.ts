// pg-boss on PostgreSQL: bare jobs, three of them a run, inserted in one call and taken in batches. Its documentation names batchSize,
// localConcurrency and burstWhenBatchFull for throughput, and LISTEN and NOTIFY for latency.
import { acrossProcesses } from "../postgres/across-processes.ts";
import { countRows } from "../postgres/count-rows.ts";
import type { Halves } from "../postgres/halves.ts";
import { type Engine, threeStages } from "./engine.ts";
import { installedVersion } from "./installed-version.ts";

const queue = "bench";
const batchSize = 2_000;
const localConcurrency = 2;
const perRun = threeStages.stages;

export const halves: Halves = {
  async openStarter({ url }) {
    const boss = await open(url);
    await boss.createQueue(queue, { notify: true });
    return {
      start: async () => {
        const jobs = Array.from({ length: perRun }, () => ({ data: { n: 0 } }));
        await boss.insert(queue, jobs);
      },
      countCompleted: async () => (await countRows(url, "pgboss.job WHERE name = 'bench' AND state = 'completed'")) / perRun,
      close: () => boss.stop({ graceful: false }),
    };
  },

  async openWorker({ url, ended }) {
    const boss = await open(url);
    return {
      work: async () => {
        const options = { batchSize, localConcurrency, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
        await boss.work<{ n: number }>(queue, options, async (jobs) => {
          await Promise.all(jobs.map(async ({ data }) => ({ n: data.n + 1 })));
          // what its worker does anyway, but here its end is seen
          await boss.complete(
            queue,
            jobs.map(({ id }) => id),
          );
          ended(jobs.length / perRun);
        });
      },
      close: () => boss.stop({ graceful: false }),
    };
  },
};

/** pg-boss. */
export const pgBoss: Engine = acrossProcesses({
  name: "pg-boss",
  kind: "jobs",
  version: installedVersion("pg-boss"),
  settings: `batchSize ${batchSize}, localConcurrency ${localConcurrency}, burstWhenBatchFull, LISTEN and NOTIFY; ${perRun} jobs are a run`,
  share: 0.25,
  module: import.meta.url,
  halves,
});

async function open(url: string) {
  const { PgBoss } = await import("pg-boss");
  const boss = new PgBoss({ connectionString: url, useListenNotify: true });
  boss.on("error", console.error);
  await boss.start();
  return boss;
}
