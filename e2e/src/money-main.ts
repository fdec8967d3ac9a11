// A worker process of the money test: as worker-main, with models.
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { moneyResolver, moneyWorkflows } from "./money-workflows.ts";
import type { WorkerSettings } from "./workers.ts";

const { place, heartbeatMs, orchestrationIntervalMs, staleLeaseThresholdMs } = JSON.parse(process.argv[2] ?? "{}") as WorkerSettings;

const store = createSqliteStore({ path: place });
const registry = createRegistry(moneyWorkflows);
const kernel = createKernel({ ...store, registry, providerResolver: moneyResolver(), heartbeatIntervalMs: heartbeatMs });
const workerId = `worker-${process.pid}`;
const host = createNodeHost({ kernel, workerId, orchestrationIntervalMs, staleLeaseThresholdMs });
await host.start();
process.send?.("ready");
