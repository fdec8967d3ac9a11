// `npm run prove`: the test suites at their full counts (PROOF=full), and what they measured written to docs/proof.md. With a
// filter (`npm run prove -- crash`) the figures are printed and the page stays as it is: it only ever holds a whole proof.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Figure, readFigures } from "./figures.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const PAGE = "docs/proof.md";

/** The machine and the moment a proof was made on. */
export interface ProofContext {
  date: string;
  machine: string;
  node: string;
  summary: string;
}

/** Renders the page: one table a promise, promises in natural order (P2 before P10), figures as they were recorded. */
export function renderProof(figures: readonly Figure[], context: ProofContext): string {
  const byPromise = Map.groupBy(figures, (figure) => figure.promise);
  const promises = [...byPromise.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const sections = promises.map((promise) => {
    const rows = (byPromise.get(promise) ?? []).map(renderRow);
    return `## ${promise}\n\n| shown | store | figure |\n|---|---|---|\n${rows.join("\n")}\n`;
  });
  return [
    "# Proof\n",
    "Written by `npm run prove`; do not edit.\n",
    `- date: ${context.date}\n- machine: ${context.machine}\n- node: ${context.node}\n- tests: ${context.summary}\n`,
    ...(sections.length > 0 ? sections : ["No test recorded a figure.\n"]),
  ].join("\n");
}

function renderRow({ claim, store, figure, unit }: Figure): string {
  const cells = [claim, store ?? "", `${figure}${unit === undefined ? "" : ` ${unit}`}`];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
}

function describeMachine(): string {
  const cpus = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${os.availableParallelism()} cores (${cpus[0]?.model.trim() ?? "unknown"}), ${memory} GiB, ${os.platform()} ${os.arch()}`;
}

function prove(filter: readonly string[]): number {
  const folder = mkdtempSync(path.join(os.tmpdir(), "proof-"));
  const file = path.join(folder, "figures.jsonl");
  try {
    const startedAt = performance.now();
    const done = spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...filter], {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, PROOF: "full", PROOF_FIGURES: file },
    });
    const figures = readFigures(file);
    if (done.status !== 0) {
      console.error(`prove: the tests failed; ${PAGE} is left as it was`);
      return done.status ?? 1;
    }
    const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
    const page = renderProof(figures, {
      date: new Date().toISOString().slice(0, 10),
      machine: describeMachine(),
      node: process.version,
      summary: `all passed at full counts in ${minutes} minutes`,
    });
    if (filter.length > 0) console.log(page);
    else writeFileSync(path.join(ROOT, PAGE), page);
    console.log(`prove: ${figures.length} figures${filter.length > 0 ? `; filtered, so ${PAGE} is left as it was` : ` -> ${PAGE}`}`);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) process.exitCode = prove(process.argv.slice(2));
