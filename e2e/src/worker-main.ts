// A worker process of the crash tests: one host on one SQLite file, with short leases so that deaths are noticed within a second.
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { workflows } from "./workflows.ts";

const [path, staleLeaseThresholdMs = "1000"] = process.argv.slice(2);
if (!path) throw new Error("usage: worker-main.ts <database file> [staleLeaseThresholdMs]");

const store = createSqliteStore({ path });
const kernel = createKernel({ ...store, registry: createRegistry(workflows), heartbeatIntervalMs: 200 });
const host = createNodeHost({
  kernel,
  workerId: `worker-${process.pid}`,
  orchestrationIntervalMs: 250,
  staleLeaseThresholdMs: Number(staleLeaseThresholdMs),
});
await host.start();
process.send?.("ready");
