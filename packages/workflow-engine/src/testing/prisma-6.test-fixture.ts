// Every suite on Prisma 6.19 without its Rust engine, where everything is proved: the release is installed for it, apart from ours.
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, it } from "vitest";
import { installApart } from "../../../../tools/install-apart.ts";
import type { DatabaseType } from "../prisma/client.ts";
import type { PrismaRelease } from "../prisma/clients.test-fixture.ts";
import { fullerSchema, smallestSchema } from "../prisma/schemas.test-fixture.ts";
import { bindSuite } from "./bind.ts";
import { missingOnSmallest, prismaSource } from "./prisma.test-fixture.ts";
import { allSuites } from "./suites/index.ts";

const version = "6.19.3";
const packages = ["prisma", "@prisma/client", "@prisma/adapter-pg", "@prisma/adapter-better-sqlite3"];
const generator = '  engineType = "client"\n  importFileExtension = "ts"\n';

/** Binds every suite to both schemas on a database. */
export function bindPrisma6(databaseType: DatabaseType): void {
  describe.runIf(process.env["PROOF"] === "full")(`Prisma ${version}`, () => {
    let folder: string;
    const release = (): PrismaRelease => ({ version, folder, generator, datasource: '  url = "unused"\n' });

    // its install scripts would fetch engines that this kind of client does not have
    beforeAll(() => {
      folder = installApart(Object.fromEntries(packages.map((name) => [name, version])), { hasScripts: false });
    }, 300_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    for (const schema of [smallestSchema, fullerSchema]) {
      describe(`${databaseType}, ${schema.name} schema`, () => {
        const source = prismaSource(schema, databaseType, schema === fullerSchema ? {} : missingOnSmallest, release);
        afterAll(() => source.close());
        for (const suite of allSuites) bindSuite(suite, { describe, it }, source);
      });
    }
  });
}
