// Keeps the pages true: every TypeScript block compiles, those that can run do run, and every relative link leads to a file.
// `node tools/docs.ts [files or folders]`, by default the README and its neighbours and docs/. A fence says what a block is:
// `ts` compiles and runs; `ts no-run` compiles; `ts continues` goes on from the block before it; `ts fails` must not compile.
// With `--fill` the pages are not ours: their blocks are completed with what stands in docs/fillings, their links left alone.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { checkFilledDocs } from "./docs/check-filled-docs.ts";
import type { DocsReport } from "./docs/docs-report.ts";
import { listPages } from "./docs/list-pages.ts";
import { type Page, readPage } from "./docs/markdown.ts";
import { runBlocks } from "./docs/run-blocks.ts";
import { typeCheck, writeModules } from "./docs/type-check.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const PAGES = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs", "packages/workflow-engine-http/README.md"];
const RUN_LIMIT_MS = 20_000;

export type { DocsReport } from "./docs/docs-report.ts";

/** Checks Markdown files, and those below folders; paths are relative to `cwd`. A block gets `limitMs` to run, 20 s by default. */
export async function checkDocs(targets: readonly string[], cwd: string, limitMs = RUN_LIMIT_MS): Promise<DocsReport> {
  const files = targets.flatMap((target) => listPages(target, cwd));
  const pages = files.map((file) => readPage(file, readFileSync(path.resolve(cwd, file), "utf8")));
  const blocks = pages.flatMap((page) => page.blocks);
  const problems = pages.flatMap((page) => [...page.problems, ...brokenLinks(page, cwd)]);
  let run = 0;
  if (blocks.length > 0) {
    const folder = mkdtempSync(path.join(ROOT, ".docs-"));
    // SIGKILL leaves the folder behind; git and the linter must not see it then.
    writeFileSync(path.join(folder, ".gitignore"), "*\n");
    try {
      writeModules(blocks, ROOT, folder);
      problems.push(...typeCheck(blocks, ROOT, folder));
      const done = await runBlocks(blocks, folder, limitMs);
      run = done.run;
      problems.push(...done.problems);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { pages: files.length, blocks: blocks.length, checked: blocks.length, run, problems };
}

function brokenLinks(page: Page, cwd: string): string[] {
  return page.links
    .filter(({ page: file, target }) => !existsSync(path.resolve(cwd, path.dirname(file), target)))
    .map(({ page: file, line, target }) => `${file}:${line}: the link to ${target} leads nowhere`);
}

if (import.meta.main) {
  const asked = process.argv.slice(2).filter((word) => word !== "--fill");
  const isFilled = asked.length < process.argv.length - 2;
  const missing = asked.filter((target) => !existsSync(target));
  for (const target of missing) console.error(`docs: there is no ${target}`);
  const targets =
    asked.length > 0 ? asked.filter((target) => existsSync(target)) : PAGES.filter((page) => existsSync(path.join(ROOT, page)));
  const check = isFilled ? checkFilledDocs : checkDocs;
  const report = await check(targets, asked.length > 0 ? process.cwd() : ROOT);
  for (const problem of report.problems) console.log(problem);
  if (report.pages === 0) console.log("docs: found no page to check");
  console.log(
    `docs: ${report.blocks} blocks${report.examples === undefined ? "" : ` of ${report.examples} examples`}, ${report.checked} type-checked, ${report.run} run`,
  );
  process.exitCode = report.problems.length > 0 || missing.length > 0 || report.pages === 0 ? 1 : 0;
}
