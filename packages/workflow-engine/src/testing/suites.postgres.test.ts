// Every suite on PostgreSQL.
import { afterAll, describe, it } from "vitest";
import { bindSuite } from "./bind.ts";
import { postgresSource } from "./postgres.test-fixture.ts";
import { allSuites } from "./suites/index.ts";

describe("PostgreSQL", () => {
  const source = postgresSource();
  afterAll(() => source.close());
  for (const suite of allSuites) bindSuite(suite, { describe, it }, source);
});
