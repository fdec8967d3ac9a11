// The docs check against pages made for it: what is true passes, and each kind of untruth is reported at its line of the page.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkDocs, type DocsReport } from "./docs.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "docs-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function check(pages: Record<string, string>, limitMs?: number): Promise<DocsReport> {
  const cwd = mkdtempSync(path.join(folder, "pages-"));
  for (const [name, text] of Object.entries(pages)) {
    mkdirSync(path.dirname(path.join(cwd, name)), { recursive: true });
    writeFileSync(path.join(cwd, name), text);
  }
  return checkDocs(["README.md", ...("docs/a.md" in pages ? ["docs"] : [])], cwd, limitMs);
}

function fence(info: string, ...lines: string[]): string {
  return [`\`\`\`${info}`, ...lines, "```", ""].join("\n");
}

it("passes pages that are true", async () => {
  const report = await check({
    "README.md": [
      "See [a](docs/a.md#top), [there](https://example.org/x), [here](#x), `[not](a-link)` and ![b][b].",
      "[b]: ./docs",
      fence("ts", "const one: number = 1;", "if (one !== 1) process.exit(1);"),
      fence("typescript continues", "console.log(one satisfies 1 | number);", "await Promise.resolve(one);"),
      fence("ts", "const one = 'a block of its own';"),
      fence("ts no-run", "process.exit(1);"),
      fence("ts fails", "const two: string = 2;"),
      fence("ts fails continues", "one.length satisfies string;"),
      fence("sh", "const = not TypeScript [x](nowhere)"),
      fence(
        "ts run",
        'import { readdirSync } from "node:fs";',
        'import { z } from "zod";',
        "z.literal(1).parse(1);",
        "if (readdirSync('.').length > 0) throw new Error('not empty');",
      ),
    ].join("\n\n"),
    "docs/a.md": `  - indented:\n\n    ${fence("ts", "    export const x = 1;", "    ").replaceAll("\n```", "\n    ```")}[up](../README.md)`,
  });
  expect(report).toEqual({ pages: 2, blocks: 8, checked: 8, run: 5, problems: [] });
});

describe("reports", () => {
  async function problemsOf(text: string, limitMs?: number): Promise<string[]> {
    return (await check({ "README.md": text }, limitMs)).problems;
  }

  it("a block that does not compile, at its line", async () => {
    const problems = await problemsOf(fence("ts no-run", "const a = 1;", "const b: string = a;"));
    expect(problems).toEqual(["README.md:3: TS2322: Type 'number' is not assignable to type 'string'."]);
  });
  it("a continuing block that does not compile, once and at its own line", async () => {
    const problems = await problemsOf(fence("ts no-run", "const a = 1;", "") + fence("ts no-run continues", "", "a.missing;"));
    expect(problems).toEqual(["README.md:7: TS2339: Property 'missing' does not exist on type '1'."]);
  });
  it("a name from a block it does not continue", async () => {
    const problems = await problemsOf(fence("ts", "const a = 1;") + fence("ts no-run", "a;"));
    expect(problems).toEqual(["README.md:5: TS2304: Cannot find name 'a'."]);
  });
  it("an import that is not exported", async () => {
    const problems = await problemsOf(fence("ts no-run", 'import "@bratsos/workflow-engine/src/errors.ts";'));
    expect(problems.join()).toMatch(/^README\.md:2: TS2(307|882): Cannot find module/);
  });
  it("a block marked as failing that compiles", async () => {
    expect(await problemsOf(fence("ts fails", "const a = 1;"))).toEqual(["README.md:2: compiles, but is marked as a block that fails"]);
  });
  it("a block that throws, with what it printed", async () => {
    const problems = await problemsOf(fence("ts", 'console.log("before");', 'throw new Error("broken example");'));
    expect(problems.join()).toMatch(/^README\.md:2: exited with 1\nbefore\n[\s\S]*broken example/);
  });
  it("a block that does not end", async () => {
    const problems = await problemsOf(fence("ts", "setInterval(() => {}, 1000);"), 1500);
    expect(problems.join()).toMatch(/^README\.md:2: was still running after 1.5 s/);
  });
  it("links that lead nowhere", async () => {
    const problems = await problemsOf("[a](docs/a.md#top)\n\n![b](<b.png>)\n\n[c]: c.md\n");
    expect(problems).toEqual([
      "README.md:1: the link to docs/a.md leads nowhere",
      "README.md:3: the link to b.png leads nowhere",
      "README.md:5: the link to c.md leads nowhere",
    ]);
  });
  it("fences it cannot follow", async () => {
    const problems = await problemsOf(`${fence("ts norun", "export {};")}${fence("ts continues", "export {};")}\`\`\`ts\n`);
    expect(problems).toEqual([
      "README.md:1: unknown word norun after ts; there are continues, run, no-run, fails",
      "README.md:7: the code block is never closed",
    ]);
    expect(await problemsOf(fence("ts continues", "export {};"))).toEqual([
      "README.md:1: continues, but no block of this page comes before it",
    ]);
  });
});
