// OpenWorkflow on its PostgreSQL backend. It is spared what a caller would pay: no schema to check, and its handle's poll for the result
// (once a second) is replaced by listening to the backend's own completion.
import { acrossProcesses } from "../postgres/across-processes.ts";
import type { Halves } from "../postgres/halves.ts";
import { type Engine, shapeId } from "./engine.ts";
import { installedVersion } from "./installed-version.ts";
import { concurrency, countEnded, defineWorkflow } from "./openworkflow.ts";

export const halves: Halves = {
  async openStarter({ url, shapes }) {
    const { backend, client } = await connect(url);
    const workflows = new Map(shapes.map((shape) => [shapeId(shape), defineWorkflow(client, shape)]));
    return {
      start: async (shape) => {
        await workflows.get(shapeId(shape))!.run({ n: 0 });
      },
      countCompleted: async () => (await backend.countWorkflowRuns()).completed,
      close: () => backend.stop(),
    };
  },

  async openWorker({ url, shapes, ended }) {
    const { backend, client } = await connect(url);
    countEnded(backend, ended);
    for (const shape of shapes) defineWorkflow(client, shape);
    const worker = client.newWorker({ concurrency });
    return {
      work: () => worker.start(),
      close: async () => {
        await worker.stop();
        await backend.stop();
      },
    };
  },
};

/** OpenWorkflow over PostgreSQL. */
export const openworkflowPostgres: Engine = acrossProcesses({
  name: "openworkflow",
  kind: "workflows",
  version: installedVersion("openworkflow"),
  settings: `concurrency ${concurrency} (tuned), its own pool (10 connections)`,
  share: 0.1,
  maxStages: 1_000,
  module: import.meta.url,
  halves,
});

async function connect(url: string) {
  const { OpenWorkflow } = await import("openworkflow");
  const { BackendPostgres } = await import("openworkflow/postgres");
  const backend = await BackendPostgres.connect(url);
  return { backend, client: new OpenWorkflow({ backend }) };
}
