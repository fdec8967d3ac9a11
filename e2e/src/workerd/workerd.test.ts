// The serverless host on workerd, Cloudflare's own runtime: bundled as a Worker is, jobs through its queue, ticks from its cron trigger.
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { expect, it } from "vitest";

async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: 'export { worker as default } from "./worker.ts";', resolveDir: import.meta.dirname, loader: "ts" },
    ...{ bundle: true, write: false, format: "esm", platform: "browser", target: "es2024", logLevel: "silent" },
    conditions: ["workerd", "worker", "browser"],
    external: ["node:*", "cloudflare:*"],
  });
  return outputFiles[0]?.text ?? "";
}

it("a run with a parallel group, a retry and a suspension goes to its end", { timeout: 60_000 }, async () => {
  const miniflare = new Miniflare({
    ...{ modules: true, script: await bundled(), compatibilityDate: "2026-06-01", compatibilityFlags: ["nodejs_compat"] },
    queueProducers: { JOBS: "jobs" },
    queueConsumers: { jobs: { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 10 } },
  });
  try {
    const created = await miniflare.dispatchFetch("http://worker/first", { method: "POST", body: JSON.stringify({ n: 4 }) });
    const { workflowRunId } = (await created.json()) as { workflowRunId: string };
    const worker = (await miniflare.getWorker()) as unknown as { scheduled(options: { cron: string }): Promise<unknown> };
    let detail: unknown;
    const look = async () => {
      await worker.scheduled({ cron: "* * * * *" });
      detail = await (await miniflare.dispatchFetch(`http://worker/${workflowRunId}`)).json();
      return (detail as { run: { status: string } }).run.status;
    };
    while (!["COMPLETED", "FAILED"].includes(await look())) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(detail).toMatchObject({ run: { status: "COMPLETED", output: { n: 550 } } });
  } finally {
    await miniflare.dispose();
  }
});
