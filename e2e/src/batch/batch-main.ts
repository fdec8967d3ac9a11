// A worker process of the batch crash tests: one host on one SQLite file, with short leases so that its death is noticed soon.
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { batchWorkflow } from "./batch-workflow.ts";
import { fastEnvironment } from "./fast-environment.ts";

const [path] = process.argv.slice(2);
if (!path) throw new Error("usage: batch-main.ts <database file>");

const store = createSqliteStore({ path, environment: fastEnvironment });
const kernel = createKernel({ ...store, registry: createRegistry([batchWorkflow]), heartbeatIntervalMs: 3_000 });
const host = createNodeHost({ kernel, workerId: `worker-${process.pid}`, orchestrationIntervalMs: 1_000, staleLeaseThresholdMs: 40_000 });
await host.start();
process.send?.("ready");
