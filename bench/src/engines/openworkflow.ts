// OpenWorkflow on its SQLite backend (node:sqlite, WAL, synchronous FULL by SQLite's default, so as durable as ours). Its pages on
// SQLite, workers and production name one setting, `concurrency` ("start with 10 and tune"); the value here is the best of those
// tried (bench/README.md). It is spared what a caller would pay: no schema to check, and its handle's poll for the result (once a
// second) is replaced by listening to the backend's own completion.
import path from "node:path";
import { OpenWorkflow } from "openworkflow";
import { BackendSqlite } from "openworkflow/sqlite";
import { EndedCount } from "./ended-count.ts";
import { type Bench, type Engine, type Shape, shapeId } from "./engine.ts";
import { installedVersion } from "./installed-version.ts";

/** Runs that a worker has in hand. */
export const concurrency = Number(process.env["BENCH_OPENWORKFLOW_CONCURRENCY"] ?? 100);

/** OpenWorkflow over SQLite. */
export const openworkflow: Engine = {
  name: "openworkflow",
  store: "sqlite",
  kind: "workflows",
  version: installedVersion("openworkflow"),
  settings: `concurrency ${concurrency} (tuned), synchronous FULL`,
  share: 0.1,
  maxStages: 1_000,
  hasProcesses: false,
  open: async ({ folder, shapes }) => open(folder, shapes),
};

function open(folder: string, shapes: readonly Shape[]): Bench {
  const backend = BackendSqlite.connect(path.join(folder, "openworkflow.db"));
  const ended = new EndedCount();
  countEnded(backend, (runs) => ended.add(runs));
  const client = new OpenWorkflow({ backend });
  const workflows = new Map(shapes.map((shape) => [shapeId(shape), defineWorkflow(client, shape)]));
  const worker = client.newWorker({ concurrency });
  return {
    start: async (shape) => {
      await workflows.get(shapeId(shape))!.run({ n: 0 });
    },
    work: () => worker.start(),
    ended: (total) => ended.reaches(total),
    countCompleted: async () => (await backend.countWorkflowRuns()).completed,
    close: async () => {
      await worker.stop();
      await backend.stop();
    },
  };
}

/** A shape as a workflow of theirs. */
export function defineWorkflow(client: OpenWorkflow, shape: Shape) {
  return client.defineWorkflow<{ n: number }, unknown>({ name: shapeId(shape) }, async ({ input, step }) => {
    const addOne = (n: number, index: number) => step.run({ name: `stage-${index}` }, async () => ({ n: n + 1 }));
    if (shape.kind === "fan") return Promise.all(Array.from({ length: shape.stages }, (_, index) => addOne(input.n, index)));
    let value = input;
    for (let index = 0; index < shape.stages; index++) value = await addOne(value.n, index);
    return value;
  });
}

/** Stands before the backend's method that commits a run's output. */
export function countEnded(backend: Pick<BackendSqlite, "completeWorkflowRun">, ended: (runs: number) => void): void {
  const complete = backend.completeWorkflowRun.bind(backend);
  backend.completeWorkflowRun = async (...args) => {
    const run = await complete(...args);
    ended(1);
    return run;
  };
}
