// DBOS on PostgreSQL: workflows enqueued by its client in one process and taken from a queue by workers in others. It is spared what a
// caller would pay: nobody polls for results, the recording of a workflow's output tells when it has ended.
import { acrossProcesses } from "../postgres/across-processes.ts";
import { countRows } from "../postgres/count-rows.ts";
import type { Halves } from "../postgres/halves.ts";
import { type Engine, type Shape, shapeId } from "./engine.ts";
import { installedVersion } from "./installed-version.ts";

const queueName = "bench";
const workerConcurrency = Number(process.env["BENCH_DBOS_CONCURRENCY"] ?? 100);
const minPollingIntervalMs = Number(process.env["BENCH_DBOS_POLLING_MS"] ?? 10);
const poolSize = Number(process.env["BENCH_DBOS_POOL"] ?? 20);

export const halves: Halves = {
  async openStarter({ url }) {
    const { DBOS, DBOSClient } = await import("@dbos-inc/dbos-sdk");
    // its client makes no tables
    await launch(url, [], "starter", []);
    await DBOS.shutdown();
    const client = await DBOSClient.create({ systemDatabaseUrl: url, systemDatabasePoolSize: poolSize, logger: silent });
    await client.registerQueue(queueName, { workerConcurrency, minPollingIntervalMs });
    return {
      start: async (shape) => {
        await client.enqueue({ queueName, workflowName: shapeId(shape) }, { n: 0 });
      },
      countCompleted: () => countRows(url, "dbos.workflow_status WHERE status = 'SUCCESS'"),
      close: () => client.destroy(),
    };
  },

  async openWorker({ url, shapes, ended }) {
    const { DBOS } = await import("@dbos-inc/dbos-sdk");
    return {
      work: async () => {
        await launch(url, shapes, `worker-${process.pid}`, [queueName]);
        await tellEnds(ended);
      },
      close: () => DBOS.shutdown(),
    };
  },
};

/** DBOS. */
export const dbos: Engine = acrossProcesses({
  name: "dbos",
  kind: "workflows",
  version: installedVersion("@dbos-inc/dbos-sdk"),
  settings: `a queue with workerConcurrency ${workerConcurrency} and minPollingIntervalMs ${minPollingIntervalMs}, pool of ${poolSize}`,
  share: 0.1,
  module: import.meta.url,
  halves,
});

const silent = { info() {}, debug() {}, warn() {}, error: console.error };

/** Launches DBOS in this process, which then takes workflows from these queues. */
async function launch(url: string, shapes: readonly Shape[], executorID: string, listenQueues: string[]): Promise<void> {
  const { DBOS } = await import("@dbos-inc/dbos-sdk");
  for (const shape of shapes)
    DBOS.registerWorkflow(
      toWorkflow(shape, (run, name) => DBOS.runStep(run, { name })),
      { name: shapeId(shape) },
    );
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: url,
    systemDatabasePoolSize: poolSize,
    executorID,
    applicationVersion: "1",
    listenQueues,
    runAdminServer: false,
    logger: silent,
  });
  await DBOS.launch();
}

type Step = (run: () => Promise<{ n: number }>, name: string) => Promise<{ n: number }>;

function toWorkflow(shape: Shape, step: Step): (input: { n: number }) => Promise<unknown> {
  const addOne = (n: number, index: number) => step(async () => ({ n: n + 1 }), `stage-${index}`);
  return async (input) => {
    if (shape.kind === "fan") return Promise.all(Array.from({ length: shape.stages }, (_, index) => addOne(input.n, index)));
    let value = input;
    for (let index = 0; index < shape.stages; index++) value = await addOne(value.n, index);
    return value;
  };
}

interface Executor {
  systemDatabase: { recordWorkflowOutput(...args: unknown[]): Promise<unknown> };
}

/** Stands before the method of its executor that commits a workflow's output; the executor is no export of the package. */
async function tellEnds(ended: (runs: number) => void): Promise<void> {
  const entry = import.meta.resolve("@dbos-inc/dbos-sdk");
  const { DBOSExecutor } = (await import(new URL("dbos-executor.js", entry).href)) as { DBOSExecutor: { globalInstance: Executor } };
  const { systemDatabase } = DBOSExecutor.globalInstance;
  const record = systemDatabase.recordWorkflowOutput.bind(systemDatabase);
  systemDatabase.recordWorkflowOutput = async (...args) => {
    const recorded = await record(...args);
    ended(1);
    return recorded;
  };
}
