// Every suite on Prisma 7 with PostgreSQL and the schema that the package ships.
import { afterAll, describe, it } from "vitest";
import { fullerSchema } from "../prisma/schemas.test-fixture.ts";
import { bindSuite } from "./bind.ts";
import { prismaSource, withoutTwins } from "./prisma.test-fixture.ts";
import { allSuites } from "./suites/index.ts";

describe("Prisma 7, postgresql, fuller schema", () => {
  const source = prismaSource(fullerSchema, "postgresql");
  afterAll(() => source.close());
  for (const suite of withoutTwins(allSuites)) bindSuite(suite, { describe, it }, source);
});
