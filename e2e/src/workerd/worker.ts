// The Worker of the workerd test: bundled by it and run on workerd. Runs are created and looked at over HTTP, jobs come from the queue,
// ticks from the cron trigger.
import {
  createKernel,
  createMemoryStore,
  createRegistry,
  defineAsyncBatchStage,
  defineStage,
  defineWorkflow,
} from "@bratsos/workflow-engine";
import { createQueueTransport, createServerlessHost } from "@bratsos/workflow-engine-host-serverless";
import { createCloudflareHandlers } from "@bratsos/workflow-engine-host-serverless/cloudflare";
import { z } from "zod";

interface Env {
  JOBS: { send(body: unknown, options?: { delaySeconds?: number }): Promise<void> };
}

const number = z.object({ n: z.number() });
const stageOf = <const Id extends string>(id: Id, of: (n: number, attempt: number) => number) =>
  defineStage({
    ...{ id, name: id, schemas: { input: number, output: number, config: z.object({}) }, retry: { initialMs: 10, jitter: 0 } },
    execute: async ({ input, attempt }) => ({ output: { n: of(input.n, attempt) } }),
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
const workflow = defineWorkflow({ id: "edge", name: "Edge", input: number })
  .pipe(stageOf("start", (n) => n + 1))
  .parallel([flaky, stageOf("steady", (n) => n * 100)])
  .pipe(batch)
  .build();

let memory: ReturnType<typeof createMemoryStore> | undefined;

/** A store, kernel and host of this invocation. */
function open(env: Env) {
  memory ??= createMemoryStore(); // not before the first invocation: workerd has no randomness outside of one
  const store = memory;
  const jobTransport = createQueueTransport((message, { delayMs }) => env.JOBS.send(message, { delaySeconds: Math.ceil(delayMs / 1_000) }));
  const kernel = createKernel({ ...store, jobTransport, registry: createRegistry([workflow]) });
  return { store, kernel, host: createServerlessHost({ kernel, jobTransport, workerId: "workerd" }), close: async () => undefined };
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
