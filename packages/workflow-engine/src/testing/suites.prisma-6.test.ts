// Every suite on Prisma 6.19 without its Rust engine, where everything is proved: the release is installed for it, apart from ours.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { PrismaRelease } from "../prisma/clients.test-fixture.ts";
import { fullerSchema, smallestSchema } from "../prisma/schemas.test-fixture.ts";
import { bindSuite } from "./bind.ts";
import { missingOnPrisma, missingOnSmallest, prismaSource } from "./prisma.test-fixture.ts";
import { allSuites } from "./suites/index.ts";

const version = "6.19.3";
const packages = ["prisma", "@prisma/client", "@prisma/adapter-pg", "@prisma/adapter-better-sqlite3"];
const workspace = path.resolve(import.meta.dirname, "../../../../package.json");

describe.runIf(process.env["PROOF"] === "full")(`Prisma ${version}`, () => {
  let folder: string;
  const generator = '  engineType = "client"\n  importFileExtension = "ts"\n';
  const release = (): PrismaRelease => ({ version, folder, generator, datasource: '  url = "unused"\n' });

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "prisma-6-"));
    const { overrides } = JSON.parse(readFileSync(workspace, "utf8")) as { overrides: unknown };
    const dependencies = Object.fromEntries(packages.map((name) => [name, version]));
    writeFileSync(path.join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies, overrides }));
    // its install scripts would fetch engines that this kind of client does not have
    const done = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: folder, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`npm install failed:\n${done.stdout}${done.stderr}`);
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const databaseType of ["sqlite", "postgresql"] as const) {
    for (const schema of [smallestSchema, fullerSchema]) {
      describe(`${databaseType}, ${schema.name} schema`, () => {
        const source = prismaSource(schema, databaseType, schema === fullerSchema ? missingOnPrisma : missingOnSmallest, release);
        afterAll(() => source.close());
        for (const suite of allSuites) bindSuite(suite, { describe, it }, source);
      });
    }
  }
});
