// A worker process of the crash tests and the soak: one host on one store. It tells its parent when it runs, and its memory when asked.
import { appendFileSync } from "node:fs";
import { createKernel, createRegistry, type EventSink } from "@bratsos/workflow-engine";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { openStore } from "./stores.ts";
import type { WorkerSettings } from "./workers.ts";
import { workflows } from "./workflows.ts";

const { store: name, place, answerTimeoutMs, heartbeatMs, ...options } = JSON.parse(process.argv[2] ?? "{}") as WorkerSettings;

/** Every delivery is a line in a file outside the database. */
const deliveries = process.env["E2E_DELIVERIES"];
const eventSink: EventSink | undefined = deliveries
  ? { emit: (event) => appendFileSync(deliveries, `${event.workflowRunId} ${event.eventId}\n`) }
  : undefined;

const kernel = createKernel({
  ...openStore(name, place, answerTimeoutMs),
  ...{ registry: createRegistry(workflows), heartbeatIntervalMs: heartbeatMs, eventSink },
});
const onError = (error: unknown): void => {
  if (process.env["E2E_VERBOSE"]) console.error(`[${process.pid}]`, error);
};
const host = createNodeHost({ kernel, workerId: `worker-${process.pid}`, onError, ...options });
process.on("message", () => {
  // what is left after a collection is what is held
  (globalThis as { gc?: () => void }).gc?.();
  process.send?.({ heapUsed: process.memoryUsage().heapUsed });
});
// whoever listens to messages lives for ever: this process has to end when its host has
process.channel?.unref();
await host.start();
process.send?.("ready");
