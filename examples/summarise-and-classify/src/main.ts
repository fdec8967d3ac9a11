// Runs the workflow with OPENAI_API_KEY when there is one, else with a local server that speaks OpenAI's protocol, and says what it cost.
// The budget is first so small that the run is held, then raised.
import { createKernel, createMemoryStore, createProviderResolver, createRegistry, getCostReport } from "@bratsos/workflow-engine";
import { startProviderServer } from "@bratsos/workflow-engine/testing";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { summariseAndClassify } from "./workflow.ts";

const text = "The pump in hall 3 has been leaking since Monday; without a new seal we stop production on Friday.";
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What a play of the example came to. */
export interface Played {
  line: string;
  wasHeld: boolean;
  dollars: number;
}

/** Runs it once. */
export async function play(): Promise<Played> {
  const server = process.env["OPENAI_API_KEY"] ? null : await startProviderServer();
  const store = createMemoryStore();
  const resolver = server && createProviderResolver({ openai: { apiKey: "local", baseURL: server.baseURLs.openai } });
  const kernel = createKernel({
    ...store,
    registry: createRegistry([summariseAndClassify]),
    ...(resolver && { providerResolver: resolver }),
  });
  const host = createNodeHost({ kernel, workerId: "example" });
  await host.start();
  try {
    const budget = { usd: 0.000_1 };
    const { workflowRunId } = await kernel.dispatch({
      ...{ type: "run.create", idempotencyKey: "one", workflowId: "summarise-and-classify", input: { text }, budget },
    });
    const isHeld = async () => (await store.persistence.getStagesByRun(workflowRunId)).some(({ status }) => status === "SUSPENDED");
    for (let i = 0; i < 500 && !(await isHeld()); i++) await pause(10);
    const wasHeld = await isHeld();
    await kernel.dispatch({ type: "budget.raise", workflowRunId, usd: 0.05 });
    for (let i = 0; i < 3_000 && (await store.persistence.getRunStatus(workflowRunId)) === "RUNNING"; i++) await pause(10);
    const run = await store.persistence.getRun(workflowRunId);
    const report = await getCostReport(workflowRunId, { ledger: store.aiCallLogger.ledger, reader: store.reader });
    return { line: (run!.output as { line: string }).line, wasHeld, dollars: report.useful.cost };
  } finally {
    await host.stop();
    await store.close();
    await server?.close();
  }
}

if (import.meta.main) console.log(await play());
