// No statement leans on a session: every method of the ports, each transaction on another connection that remembers nothing, as behind a
// pooler in transaction mode. Every suite where everything is proved.
import { afterAll, describe, it } from "vitest";
import { bindSuite } from "./bind.ts";
import { postgresSource } from "./postgres.test-fixture.ts";
import { allSuites, portSuites } from "./suites/index.ts";

const suites = process.env["PROOF"] === "full" ? allSuites : portSuites;

describe("PostgreSQL behind a pooler", () => {
  const source = postgresSource({ isPooled: true });
  afterAll(() => source.close());
  for (const suite of suites) bindSuite(suite, { describe, it }, source);
});
