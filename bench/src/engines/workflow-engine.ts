// Ours, as its README has people use it: createKernel over a store, one Node host with its default settings, events kept for readers.
// SQLite commits with synchronous = FULL, its default.
import path from "node:path";
import { type AnyWorkflow, createKernel, createMemoryStore, createRegistry, defineStage, defineWorkflow } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { z } from "zod";
import { EndedCount } from "./ended-count.ts";
import { type Bench, type Engine, type Shape, shapeId } from "./engine.ts";
import { installedVersion } from "./installed-version.ts";

const number = z.object({ n: z.number() });

/** Ours over one of its stores. */
export function createWorkflowEngine(store: "sqlite" | "memory"): Engine {
  return {
    name: "workflow-engine",
    store,
    kind: "workflows",
    version: installedVersion("@bratsos/workflow-engine"),
    settings: store === "sqlite" ? "defaults: concurrency 10, synchronous FULL" : "defaults: concurrency 10; nothing is durable",
    share: 1,
    hasProcesses: false,
    open: async ({ folder, shapes }) => open(store, folder, shapes),
  };
}

async function open(name: "sqlite" | "memory", folder: string, shapes: readonly Shape[]): Promise<Bench> {
  const store = name === "sqlite" ? createSqliteStore({ path: path.join(folder, "workflow-engine.db") }) : createMemoryStore();
  await store.migrate();
  const kernel = createKernel({ ...store, registry: createRegistry(shapes.map(toWorkflow)) });
  const host = createNodeHost({ kernel, jobTransport: store.jobTransport, workerId: "bench", handleSignals: false });
  const ended = new EndedCount();
  store.runStore.onSignal((signal) => ended.add(signal.ended?.length ?? 0));
  let starts = 0;
  return {
    start: async (shape) => {
      await kernel.dispatch({
        type: "run.create",
        idempotencyKey: `bench-${starts++}`,
        workflowId: shapeId(shape),
        input: { n: 0 },
      });
    },
    work: () => host.start(),
    ended: (total) => ended.reaches(total),
    countCompleted: async () => {
      const counts = await store.reader.countRuns();
      return counts.reduce((sum, { status, count }) => sum + (status === "COMPLETED" ? count : 0), 0);
    },
    close: async () => {
      await host.stop();
      await store.close();
    },
  };
}

/** A shape as a workflow of ours. */
export function toWorkflow(shape: Shape): AnyWorkflow {
  const stages = Array.from({ length: shape.stages }, (_, index) => addOne(`stage-${index}`));
  const definition = defineWorkflow({ id: shapeId(shape), name: shapeId(shape), input: number });
  if (shape.kind === "fan") return definition.parallel(stages).build();
  const [first, ...others] = stages;
  const builder = definition.pipe(first!);
  for (const stage of others) builder.pipe(stage);
  return builder.build();
}

function addOne(id: string) {
  return defineStage({
    id,
    name: id,
    schemas: { input: number, output: number, config: z.object({}) },
    execute: ({ input }) => ({ output: { n: input.n + 1 } }),
  });
}
