// The `./setup` of pages on worker processes: a host.
import { createKernel, createMemoryStore } from "@bratsos/workflow-engine";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { documentProcessorWorkflow } from "./workflows/document-processor.ts";

const kernel = createKernel({ ...createMemoryStore(), registry: { getWorkflow: () => documentProcessorWorkflow } });

export const host = createNodeHost({ kernel, workerId: "worker-1" });
