// What must not compile does not, and the compiler's message names the stage: asked of the compiler itself, in one run.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = resolve(here, "../../../..");
const cache = join(root, "node_modules/.cache");

const stages = `
const Url = z.object({ url: z.string() });
const none = z.object({});
const extract = defineStage({ id: "extract", name: "E", schemas: { input: Url, output: z.object({ text: z.string() }), config: none },
  async execute(ctx) { return { output: { text: ctx.input.url } }; } });
const summarize = defineStage({ id: "summarize", name: "S", schemas: { input: z.object({ text: z.string() }), output: z.object({ summary: z.string() }), config: none },
  async execute(ctx) { return { output: { summary: ctx.input.text } }; } });
const count = defineStage({ id: "count", name: "C", schemas: { input: z.object({ text: z.number() }), output: z.object({ n: z.number() }), config: none },
  async execute(ctx) { return { output: { n: ctx.input.text } }; } });
const report = defineStage<{ summarize: { summary: string } }>()({ id: "report", name: "R", schemas: { input: "none", output: z.string(), config: none },
  async execute(ctx) { return { output: ctx.require("summarize").summary }; } });
const flow = () => defineWorkflow({ id: "w", name: "W", input: Url });
`;

const fixtures: Record<string, string> = {
  "it-all-fits": `flow().pipe(extract).parallel([summarize]).pipe(report).build();`,
  "input-missing": `flow().pipe(summarize);`,
  "input-mistyped": `flow().pipe(extract).pipe(count);`,
  "after-parallel": `flow().pipe(extract).parallel([summarize]).pipe(count);`,
  "in-parallel": `flow().pipe(extract).parallel([summarize, count]);`,
  "in-record": `flow().pipe(extract).parallel({ first: summarize, second: count });`,
  "context-missing": `flow().pipe(extract).pipe(report);`,
  "context-of-sibling": `flow().pipe(extract).parallel([summarize, report]);`,
  "context-mistyped": `
const other = defineStage({ id: "summarize", name: "S", schemas: { input: Url, output: z.object({ summary: z.number() }), config: none },
  async execute() { return { output: { summary: 1 } }; } });
flow().pipe(other).pipe(report);`,
  "require-unknown": `
defineStage<{ extract: { text: string } }>()({ id: "x", name: "X", schemas: { input: "none", output: z.string(), config: none },
  async execute(ctx) { return { output: ctx.require("extrakt").text }; } });`,
  "command-field": `void kernel.dispatch({ type: "run.cancel", runId: "r" });`,
  "command-type": `void kernel.dispatch({ type: "run.cancle", workflowRunId: "r" });`,
  "command-result": `void kernel.dispatch({ type: "run.cancel", workflowRunId: "r" }).then((result) => result.canceled);`,
  "output-mistyped": `defineWorkflow({ id: "w", name: "W", input: Url, output: z.object({ summary: z.string() }) }).pipe(extract).build();`,
};

let folder: string;
let messages: string;

/** Returns what the compiler says of one fixture. */
function of(fixture: string): string {
  return messages
    .split(/\n(?=\S)/)
    .filter((message) => message.startsWith(`${fixture}.ts`))
    .join("\n");
}

beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, "compile-errors-"));
  const entry = relative(folder, join(here, "index.ts"));
  const kernel = `import type { Kernel } from "${relative(folder, join(here, "../kernel/kernel.ts"))}";\ndeclare const kernel: Kernel;\n`;
  for (const [name, body] of Object.entries(fixtures)) {
    const head = `import { z } from "zod";\nimport { defineStage, defineWorkflow } from "${entry}";\n`;
    writeFileSync(
      join(folder, `${name}.ts`),
      `${head}${name.startsWith("command-") ? kernel : ""}${stages}${body}\nexport const used = [extract, summarize, count, report, flow];\n`,
    );
  }
  const options = {
    extends: relative(folder, join(root, "tsconfig.base.json")),
    compilerOptions: { noEmit: true, typeRoots: [join(root, "node_modules/@types")] },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  try {
    messages = execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder, "--pretty", "false"], {
      cwd: folder,
      encoding: "utf8",
    });
  } catch (error) {
    messages = String((error as { stdout?: unknown }).stdout);
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the compiler", () => {
  it("accepts stages that fit", () => {
    expect(of("it-all-fits")).toBe("");
  });

  it.each([
    ["input-missing", `StageDoesNotFit<"summarize", "its input needs 'text', which the stage before does not give"`],
    ["input-mistyped", `StageDoesNotFit<"count", "its input needs 'text' with another type than the stage before gives"`],
    ["after-parallel", `StageDoesNotFit<"count", "its input needs 'text', which the stage before does not give"`],
    ["in-parallel", `StageDoesNotFit<"count", "its input needs 'text' with another type`],
    ["in-record", `StageDoesNotFit<"count", "its input needs 'text' with another type`],
    ["context-missing", `StageDoesNotFit<"report", "it reads the output of 'summarize', which is in no group before"`],
    ["context-of-sibling", `StageDoesNotFit<"report", "it reads the output of 'summarize', which is in no group before"`],
    ["context-mistyped", `StageDoesNotFit<"report", "it reads the output of 'summarize' with another type than that stage gives"`],
    ["require-unknown", `"extrakt"`],
    ["command-field", `'runId' does not exist in type`],
    ["command-type", `"run.cancle"`],
    ["command-result", `Property 'canceled' does not exist`],
    ["output-mistyped", `OutputDoesNotFit<"extract", "the workflow declares another output"`],
  ])("refuses %s and says %s", (fixture, message) => {
    expect(of(fixture)).toContain(message);
    expect(of(fixture).match(/: error TS/g)).toHaveLength(1);
  });

  it("says nothing else", () => {
    const lines = messages.split("\n").filter((line) => /^\S/.test(line));
    expect(lines.filter((line) => !Object.keys(fixtures).some((fixture) => line.startsWith(`${fixture}.ts(`)))).toEqual([]);
  });
});
