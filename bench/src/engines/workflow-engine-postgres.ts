// Ours on PostgreSQL, as its guide has people use it: createPostgresStore and one Node host a process, all settings the default ones.
import { randomUUID } from "node:crypto";
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { acrossProcesses } from "../postgres/across-processes.ts";
import type { HalfOptions, Halves } from "../postgres/halves.ts";
import { type Engine, shapeId } from "./engine.ts";
import { installedVersion } from "./installed-version.ts";
import { toWorkflow } from "./workflow-engine.ts";

export const halves: Halves = {
  async openStarter(options) {
    const { store, kernel } = open(options);
    await store.migrate();
    const prefix = randomUUID();
    let starts = 0;
    return {
      start: async (shape) => {
        await kernel.dispatch({
          type: "run.create",
          idempotencyKey: `${prefix}-${starts++}`,
          workflowId: shapeId(shape),
          input: { n: 0 },
        });
      },
      countCompleted: async () => {
        const counts = await store.reader.countRuns();
        return counts.reduce((sum, { status, count }) => sum + (status === "COMPLETED" ? count : 0), 0);
      },
      close: () => store.close(),
    };
  },

  async openWorker({ ended, ...options }) {
    const { store, kernel } = open(options);
    const host = createNodeHost({ kernel, jobTransport: store.jobTransport, workerId: `bench-${process.pid}`, handleSignals: false });
    // another worker's ends are heard of as well
    store.runStore.onSignal((signal) => ended(signal.ended ?? []));
    await store.reader.countRuns();
    return {
      work: () => host.start(),
      close: async () => {
        await host.stop();
        await store.close();
      },
    };
  },
};

/** Ours over PostgreSQL. */
export const workflowEnginePostgres: Engine = acrossProcesses({
  name: "workflow-engine",
  kind: "workflows",
  version: installedVersion("@bratsos/workflow-engine"),
  settings: "defaults: concurrency 10, two lanes, LISTEN and NOTIFY",
  share: 1,
  module: import.meta.url,
  halves,
});

function open({ url, shapes }: HalfOptions) {
  const store = createPostgresStore({ connectionString: url });
  return { store, kernel: createKernel({ ...store, registry: createRegistry(shapes.map(toWorkflow)) }) };
}
