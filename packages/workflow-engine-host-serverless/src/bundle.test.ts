// The serverless host runs where there is no Node: bundled for a browser and for workerd, nothing of Node is in its graph.
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

/** Loaded when a stage calls a model, and only then; whoever deploys without models does not have them. */
const optionalPeers = ["ai", "@ai-sdk/*", "@openrouter/ai-sdk-provider", "openai", "@anthropic-ai/sdk", "@google/genai"];
const isOptionalPeer = (path: string): boolean =>
  optionalPeers.some((peer) => path === peer || (peer.endsWith("*") && path.startsWith(peer.slice(0, -1))));

const entries = ["index.ts", "cloudflare.ts", "aws-lambda.ts", "web.ts", "deno.ts"];

async function importsOf(entry: string, conditions: string[]): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [new URL(entry, import.meta.url).pathname],
    ...{ bundle: true, write: false, metafile: true, format: "esm", platform: "browser", logLevel: "silent" },
    conditions,
    external: ["node:*", "zod", ...optionalPeers],
  });
  return [...new Set(Object.values(metafile.inputs).flatMap((input) => input.imports.flatMap((one) => (one.external ? [one.path] : []))))];
}

describe("the graph of the serverless host", () => {
  for (const [platform, conditions] of Object.entries({ browser: ["browser"], workerd: ["workerd", "worker", "browser"] })) {
    for (const entry of entries) {
      it(`${entry} for ${platform}: no node import, static or lazy`, async () => {
        expect((await importsOf(entry, conditions)).filter((path) => path !== "zod" && !isOptionalPeer(path))).toEqual([]);
      });
    }
  }
});

describe("the graph of the library's main entry", () => {
  it("settled question 19: nothing of Node is loaded with it; runtime and stores load theirs on use", async () => {
    const { metafile } = await build({
      stdin: { contents: 'export * from "@bratsos/workflow-engine";', resolveDir: import.meta.dirname },
      ...{ bundle: true, write: false, metafile: true, format: "esm", platform: "browser", logLevel: "silent" },
      external: ["node:*", "zod", "pg", "ai", "@ai-sdk/*", "@openrouter/*", "openai", "@anthropic-ai/*", "@google/*", "@prisma/*"],
    });
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.filter((one) => one.external && one.path !== "zod"));
    expect(imports.filter(({ kind }) => kind !== "dynamic-import")).toEqual([]);
    expect(imports.length).toBeGreaterThan(0);
  });
});
