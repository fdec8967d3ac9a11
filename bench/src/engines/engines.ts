// Every engine that is measured; ours on SQLite is the one the others are compared to.
import { dbos } from "./dbos.ts";
import type { Engine } from "./engine.ts";
import { floor } from "./floor.ts";
import { floorPostgres } from "./floor-postgres.ts";
import { graphileWorker } from "./graphile-worker.ts";
import { openworkflow } from "./openworkflow.ts";
import { openworkflowPostgres } from "./openworkflow-postgres.ts";
import { pgBoss } from "./pg-boss.ts";
import { createWorkflowEngine } from "./workflow-engine.ts";
import { workflowEnginePostgres } from "./workflow-engine-postgres.ts";

/** The engines, ours first. */
export const engines: readonly Engine[] = [
  createWorkflowEngine("sqlite"),
  createWorkflowEngine("memory"),
  openworkflow,
  floor,
  workflowEnginePostgres,
  dbos,
  openworkflowPostgres,
  pgBoss,
  graphileWorker,
  floorPostgres,
];

/** Finds an engine; undefined when there is none of that name on that store. */
export function findEngine(name: string, store: string): Engine | undefined {
  return engines.find((engine) => engine.name === name && engine.store === store);
}
