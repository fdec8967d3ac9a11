// Every suite on Prisma 7 with PostgreSQL: the smallest schema, and the one that the package ships.
import { afterAll, describe, it } from "vitest";
import { fullerSchema, smallestSchema } from "../prisma/schemas.test-fixture.ts";
import { bindSuite } from "./bind.ts";
import { missingOnPrisma, missingOnSmallest, prismaSource } from "./prisma.test-fixture.ts";
import { allSuites } from "./suites/index.ts";

describe.each([
  { schema: smallestSchema, missing: missingOnSmallest },
  { schema: fullerSchema, missing: missingOnPrisma },
])("Prisma 7, postgresql, $schema.name schema", ({ schema, missing }) => {
  const source = prismaSource(schema, "postgresql", missing);
  afterAll(() => source.close());
  for (const suite of allSuites) bindSuite(suite, { describe, it }, source);
});
