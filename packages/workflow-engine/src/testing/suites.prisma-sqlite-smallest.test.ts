// Every suite on Prisma 7 with SQLite and the smallest schema.
import { afterAll, describe, it } from "vitest";
import { smallestSchema } from "../prisma/schemas.test-fixture.ts";
import { bindSuite } from "./bind.ts";
import { missingOnSmallest, prismaSource, withoutTwins } from "./prisma.test-fixture.ts";
import { allSuites } from "./suites/index.ts";

describe("Prisma 7, sqlite, smallest schema", () => {
  const source = prismaSource(smallestSchema, "sqlite", missingOnSmallest);
  afterAll(() => source.close());
  for (const suite of withoutTwins(allSuites)) bindSuite(suite, { describe, it }, source);
});
