// Plays the workflow against a local server that speaks OpenAI's batch protocol: the batch takes a day of a fake clock, and a tenth of it
// expires undone.
import { type BatchServer, createTestKernel, startBatchServer, type TestRunEnd, watchRequests } from "@bratsos/workflow-engine/testing";
import { overnight } from "./workflow.ts";

const hour = 60 * 60_000;

/** What was played. */
export interface Played extends TestRunEnd {
  server: BatchServer["desk"];
  /** Hours of the fake clock. */
  hours: number;
  /** Pico-dollars, from the ledger. */
  spentPico: bigint;
}

/** Plays a day and a half. */
export async function play(reviewCount: number): Promise<Played> {
  const watch = await watchRequests();
  const test = createTestKernel({ workflows: [overnight], quiet: () => watch.quiet() });
  const { environment, store, runToEnd } = test;
  const server = await startBatchServer({
    now: environment.now,
    lastsMs: 24 * hour,
    planItem: ({ index, prompt }, { items }) => {
      if (items.length === reviewCount && index % 10 === 9) return { kind: "expired" };
      const mood = prompt.includes("broken") ? "angry" : "happy";
      return { kind: "answer", text: JSON.stringify({ mood, topic: "the kettle" }) };
    },
  });
  process.env["OPENAI_BASE_URL"] = server.batchURLs.openai;
  process.env["OPENAI_API_KEY"] ??= "any-key-will-do";
  try {
    const reviews = Array.from({ length: reviewCount }, (_, i) => ({
      id: `review-${i}`,
      text: i % 4 === 0 ? "It came broken." : "It boils water, and I like it.",
    }));
    const startedAt = environment.now();
    const end = await runToEnd({ workflowId: overnight.id, input: { reviews } });
    const rows = (await store.aiCallLogger.ledger?.listCalls({ runId: end.run.id })) ?? [];
    const spentPico = rows.reduce((sum, { costPico }) => sum + (costPico ?? 0n), 0n);
    return { ...end, server: server.desk, hours: (environment.now() - startedAt) / hour, spentPico };
  } finally {
    await server.close();
    watch.stop();
  }
}
