// Checks pages that are not ours, written for the interface this package keeps: every block compiles against our packages and runs, with what
// the page leaves open filled in by fill-blocks.ts. Prisma's blocks run on a PostgreSQL of the check's own.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type PostgresServer, startPostgres } from "../postgres/server.ts";
import type { DocsReport } from "./docs-report.ts";
import { FILLINGS, type FilledBlock, fillBlocks } from "./fill-blocks.ts";
import { listPages } from "./list-pages.ts";
import { readPage } from "./markdown.ts";
import { runBlocks } from "./run-blocks.ts";
import { placeMessages } from "./type-check.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const RUN_LIMIT_MS = 60_000;

/** Checks pages; one that shows two examples in one block counts two. A block gets `limitMs` to run, 60 s by default. */
export async function checkFilledDocs(targets: readonly string[], cwd: string, limitMs = RUN_LIMIT_MS): Promise<DocsReport> {
  const files = targets.flatMap((target) => listPages(target, cwd));
  const shown = files.flatMap((file) => readPage(file, readFileSync(path.resolve(cwd, file), "utf8")).blocks);
  const folder = mkdtempSync(path.join(ROOT, ".docs-"));
  writeFileSync(path.join(folder, ".gitignore"), "*\n");
  try {
    const { blocks, messages } = await fillBlocks(shown, ROOT, folder);
    const problems = placeMessages(blocks, messages);
    const { run, problems: failures } = await runFilled(blocks, folder, limitMs);
    const checked = countChecked(blocks, problems);
    const counts = { pages: files.length, blocks: shown.length, examples: blocks.length, checked, run: run - failures.length };
    return { ...counts, problems: [...problems, ...failures] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runFilled(blocks: readonly FilledBlock[], folder: string, limitMs: number): Promise<{ run: number; problems: string[] }> {
  const needsDatabase = blocks.some(({ text, footer }) => /prisma/i.test(text + footer));
  let server: PostgresServer | null = null;
  try {
    if (needsDatabase) server = await startPostgres();
    const env = server ? { DATABASE_URL: server.url } : {};
    const nodeArguments = ["--import", path.join(FILLINGS, "hooks.ts")];
    return await runBlocks(
      blocks.map((block) => ({ ...block, nodeArguments, env })),
      folder,
      limitMs,
    );
  } finally {
    await server?.stop();
  }
}

function countChecked(blocks: readonly FilledBlock[], problems: readonly string[]): number {
  const failing = new Set(problems.map((problem) => problem.split(": ")[0]));
  const isFailing = ({ page, line, text }: FilledBlock): boolean =>
    text.split("\n").some((_line, index) => failing.has(`${page}:${line + index}`));
  return blocks.filter((block) => !isFailing(block)).length;
}
