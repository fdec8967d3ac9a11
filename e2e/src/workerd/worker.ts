// The Worker of the workerd test: bundled by it and run on workerd. Runs are created and looked at over HTTP, jobs come from the queue,
// ticks from the cron trigger.
import { createKernel, createRegistry, defineAsyncBatchStage, defineStage, defineWorkflow } from "@bratsos/workflow-engine";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { createQueueTransport, createServerlessHost } from "@bratsos/workflow-engine-host-serverless";
import { createCloudflareHandlers } from "@bratsos/workflow-engine-host-serverless/cloudflare";
import { z } from "zod";

interface Env {
  DATABASE_URL: string;
  JOBS: { send(body: unknown, options?: { delaySeconds?: number }): Promise<void> };
}

const number = z.object({ n: z.number() });
const stageOf = <const Id extends string>(id: Id, of: (n: number, attempt: number) => number) =>
  defineStage({
    ...{ id, name: id, schemas: { input: number, output: number, config: z.object({}) }, retry: { initialMs: 10, jitter: 0 } },
    execute: async ({ input, attempt }) => ({ output: { n: of(input.n, attempt) } }),
  });
/** Slow at its first attempt when the input says so. */
const start = defineStage({
  ...{
    id: "start",
    name: "Start",
    schemas: { input: number.extend({ slowMs: z.number().optional() }), output: number, config: z.object({}) },
  },
  execute: async ({ input, attempt }) => {
    if (attempt === 1 && input.slowMs !== undefined) await new Promise((resolve) => setTimeout(resolve, input.slowMs));
    return { output: { n: input.n + 1 } };
  },
});
const batch = defineAsyncBatchStage({
  ...{ id: "batch", name: "Batch", mode: "async-batch" as const },
  schemas: { input: z.object({ flaky: number, steady: number }), output: number, config: z.object({}) },
  execute: async ({ input }) => ({
    suspended: true,
    state: { batchId: "b", metadata: { sum: input.flaky.n + input.steady.n } },
    pollConfig: { pollInterval: 100 },
  }),
  checkCompletion: async (state) => ({ ready: true, output: { n: Number(state.metadata?.["sum"]) } }),
});
const flaky = stageOf("flaky", (n, attempt) => {
  if (attempt === 1) throw new Error("the first attempt fails");
  return n * 10;
});
const workflow = defineWorkflow({ id: "edge", name: "Edge", input: start.inputSchema })
  .pipe(start)
  .parallel([flaky, stageOf("steady", (n) => n * 100)])
  .pipe(batch)
  .build();

/** Store, kernel and host of this invocation: on workerd a connection belongs to the invocation that opened it. */
function open(env: Env) {
  const store = createPostgresStore({ connectionString: env.DATABASE_URL, lanes: 1, notify: false });
  const jobTransport = createQueueTransport((message, { delayMs }) => env.JOBS.send(message, { delaySeconds: Math.ceil(delayMs / 1_000) }));
  const kernel = createKernel({ ...store, jobTransport, heartbeatIntervalMs: 500, registry: createRegistry([workflow]) });
  return {
    store,
    kernel,
    host: createServerlessHost({ kernel, jobTransport, workerId: "workerd", staleLeaseThresholdMs: 2_000 }),
    close: () => store.close(),
  };
}

const handlers = createCloudflareHandlers<Env>(open);

async function handleRequest(request: Request, env: Env): Promise<Response> {
  const url = new URL(request.url);
  const { kernel, store, close } = open(env);
  try {
    if (request.method === "POST") {
      const command = { type: "run.create", idempotencyKey: url.pathname, workflowId: "edge", input: await request.json() } as const;
      return Response.json(await kernel.dispatch(command));
    }
    return Response.json(await store.reader.getRunDetail(url.pathname.slice(1)));
  } finally {
    await close();
  }
}

/** The Worker's handlers; what is bundled exports them as its default. */
export const worker = { ...handlers, fetch: handleRequest };
