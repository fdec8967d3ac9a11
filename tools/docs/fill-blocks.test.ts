// Pages written to be read, completed: what they leave open is filled with ours, what is wrong in them is still found, at its line.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkFilledDocs } from "./check-filled-docs.ts";
import type { DocsReport } from "./docs-report.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "filled-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function check(...blocks: string[]): Promise<DocsReport> {
  const text = blocks.map((block) => `\`\`\`typescript\n${block}\n\`\`\``).join("\n\n");
  const cwd = mkdtempSync(path.join(folder, "pages-"));
  writeFileSync(path.join(cwd, "page.txt"), `[a link that leads elsewhere](../nowhere)\n\n${text}\n`);
  return checkFilledDocs(["."], cwd);
}

it("fills in names, ellipses, a method's object and modules, cuts two examples apart, and runs all of them", async () => {
  const report = await check(
    'await kernel.dispatch({ type: "run.cancel", workflowRunId });',
    'import { createKernel } from "@bratsos/workflow-engine/kernel";\nconst kernel = createKernel({ /* ... */ });\nconst transport: JobQueue = jobTransport;',
    'async execute(ctx) {\n  if (ctx.input.text === "") throw new Error("not run");\n  return { output: 1 };\n}',
    'import { host } from "./setup";\n\nawait host.start();',
    "const runtime = createWorkflowRuntime({ ...config });\n\n// another\nconst runtime = createWorkflowRuntime({ ...config });\nawait runtime.start();",
    '// Error: Stage doesn\'t exist\nawait executor.execute(input, config, { fromStage: "non-existent" });',
  );
  expect(report).toEqual({ pages: 1, blocks: 6, examples: 7, checked: 7, run: 7, problems: [] });
});

it("reports what does not compile and what does not run, at its line", async () => {
  const { problems, run } = await check(
    'const first = 1;\nawait kernel.dispatch({ type: "run.cancle" });',
    "await nobodyKnows();",
    'throw new Error("as it stands");',
    '// Error: Stage doesn\'t exist\nawait executor.execute(input, config, { fromStage: "stage-1" });',
  );
  expect(problems.filter((problem) => problem.startsWith("page.txt:5: TS"))).toHaveLength(1);
  expect(problems.some((problem) => problem.includes("nobodyKnows"))).toBe(true);
  expect(problems.some((problem) => problem.startsWith("page.txt:13: exited with 1") && problem.includes("as it stands"))).toBe(true);
  expect(problems.some((problem) => problem.startsWith("page.txt:17: exited with 0"))).toBe(true);
  expect(run).toBe(0);
});
