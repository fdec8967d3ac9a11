// Tables and columns are called what the client calls them: the ports hold on a schema in which none has the name of its model or field.
import { afterAll, describe, it } from "vitest";
import { bindSuite } from "../testing/bind.ts";
import { missingOnSmallest, prismaSource } from "../testing/prisma.test-fixture.ts";
import { ledgerSuite } from "../testing/suites/p23-ledger.ts";
import { jobTransportSuite } from "../testing/suites/port-job-transport.ts";
import { persistenceRecordsSuite } from "../testing/suites/port-persistence-records.ts";
import { persistenceRunsSuite } from "../testing/suites/port-persistence-runs.ts";
import { readerFeedSuite } from "../testing/suites/port-reader-feed.ts";
import { renamedSchema } from "./schemas.test-fixture.ts";

describe.each(["sqlite", "postgresql"] as const)("Prisma 7, %s, tables and columns renamed", (databaseType) => {
  const source = prismaSource(renamedSchema, databaseType, missingOnSmallest);
  afterAll(() => source.close());
  const suites = [jobTransportSuite, persistenceRecordsSuite, persistenceRunsSuite, ledgerSuite, readerFeedSuite];
  for (const suite of suites) bindSuite(suite, { describe, it }, source);
});
