// A worker process of the drain test. Half of the stages are over soon; the others take ten minutes and hear no signal where `slow` is given.
import { createKernel, createRegistry, defineStage, defineWorkflow } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { z } from "zod";

const tenMinutesMs = 600_000;
const [path, pace = "quick"] = process.argv.slice(2);
if (!path) throw new Error("usage: drain-main.ts <database file> [slow]");

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
let begun = 0;
const job = defineStage({
  ...{ id: "job", name: "Job" },
  schemas: { input: z.object({ n: z.number(), drainMs: z.number() }), output: z.object({ by: z.string() }), config: z.object({}) },
  execute: async ({ input }) => {
    begun += 1;
    process.send?.({ begun });
    if (pace === "slow") await pause(input.n % 2 === 0 ? input.drainMs : tenMinutesMs);
    return { output: { by: pace } };
  },
});
const workflow = defineWorkflow({ id: "drain", name: "Drain", input: job.inputSchema }).pipe(job).build();

const store = createSqliteStore({ path });
const kernel = createKernel({ ...store, registry: createRegistry([workflow]) });
// a lease as long as the test may take: whatever waits for one to expire is never seen to end
const host = createNodeHost({
  ...{ kernel, workerId: `${pace}-${process.pid}`, concurrency: 50, shutdownTimeoutMs: 3_000 },
  ...{ staleLeaseThresholdMs: tenMinutesMs, onError: (error: unknown) => void process.send?.({ error: String(error) }) },
});
await host.start();
process.send?.({ isReady: true });
