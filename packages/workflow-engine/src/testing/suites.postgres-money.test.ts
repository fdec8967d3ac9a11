// The suites of P23 on PostgreSQL: the ledger, the calls of stages, and budgets that parallel calls cannot overshoot.
import { afterAll, describe, it } from "vitest";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createPostgresStore } from "../sql/postgres.ts";
import type { BenchSource } from "./bench.ts";
import { bindSuite } from "./bind.ts";
import { budgetsSuite } from "./suites/p23-budgets.ts";
import { ledgerSuite } from "./suites/p23-ledger.ts";
import { stageCallsSuite } from "./suites/p23-stage-calls.ts";
import { aiCallLoggerSuite } from "./suites/port-ai-call-logger.ts";

const database = await createTestDatabase();
afterAll(() => database.drop());

let schemas = 0;
const postgres: BenchSource = {
  isRemote: true,
  createStore: (environment) => {
    const schema = `money_${++schemas}`;
    const open = () => createPostgresStore({ connectionString: database.url, schema, environment });
    return { store: open(), reopen: async () => open() };
  },
};

describe("PostgreSQL", () => {
  for (const suite of [aiCallLoggerSuite, ledgerSuite, stageCallsSuite, budgetsSuite]) bindSuite(suite, { describe, it }, postgres);
});
