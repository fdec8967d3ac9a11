// A worker process of the soak: one host, short leases, and a report of its memory whenever it is asked.
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { workflows } from "../workflows.ts";
import { openSoakStore, type SoakStoreName } from "./soak-store.ts";

const [name, place] = process.argv.slice(2);
if (!name || !place) throw new Error("usage: soak-worker.ts <store> <place>");

const store = openSoakStore(name as SoakStoreName, place);
const kernel = createKernel({ ...store, registry: createRegistry(workflows), heartbeatIntervalMs: 500 });
const host = createNodeHost({
  kernel,
  workerId: `worker-${process.pid}`,
  orchestrationIntervalMs: 500,
  staleLeaseThresholdMs: 2_000,
  concurrency: 20,
  onError: () => undefined, // an execution that was killed elsewhere is no news here
});
process.on("message", () => {
  // what is left after a collection is what is held
  (globalThis as { gc?: () => void }).gc?.();
  process.send?.({ heapUsed: process.memoryUsage().heapUsed });
});
// whoever listens to messages lives for ever: this process has to end when its host has
process.channel?.unref();
await host.start();
process.send?.("ready");
