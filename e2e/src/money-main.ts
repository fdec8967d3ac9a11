// A worker process of the money test: as worker-main, with models.
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { moneyResolver, moneyWorkflows } from "./money-workflows.ts";

const [path, staleLeaseThresholdMs = "1000"] = process.argv.slice(2);
if (!path) throw new Error("usage: money-main.ts <database file> [staleLeaseThresholdMs]");

const store = createSqliteStore({ path });
const registry = createRegistry(moneyWorkflows);
const kernel = createKernel({ ...store, registry, providerResolver: moneyResolver(), heartbeatIntervalMs: 200 });
const workerId = `worker-${process.pid}`;
const host = createNodeHost({ kernel, workerId, orchestrationIntervalMs: 250, staleLeaseThresholdMs: Number(staleLeaseThresholdMs) });
await host.start();
process.send?.("ready");
