// Every suite on Prisma 7 with PostgreSQL and the smallest schema.
import { afterAll, describe, it } from "vitest";
import { smallestSchema } from "../prisma/schemas.test-fixture.ts";
import { bindSuite } from "./bind.ts";
import { missingOnSmallest, prismaSource, withoutTwins } from "./prisma.test-fixture.ts";
import { allSuites } from "./suites/index.ts";

describe("Prisma 7, postgresql, smallest schema", () => {
  const source = prismaSource(smallestSchema, "postgresql", missingOnSmallest);
  afterAll(() => source.close());
  for (const suite of withoutTwins(allSuites)) bindSuite(suite, { describe, it }, source);
});
