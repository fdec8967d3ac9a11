// The corpus on PostgreSQL, with fewer histories: the database orders what runs at once, and virtual time waits for its answers. Leases are
// judged by virtual time here, as they are by the database's clock elsewhere.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordFigure } from "../../../../../tools/figures.ts";
import { createTestDatabase, type TestDatabase } from "../../../../../tools/postgres/test-databases.ts";
import { realEnvironment } from "../../environment.ts";
import { createPostgresStore } from "../../sql/postgres.ts";
import { corpus } from "./corpus.ts";
import { simulationOf } from "./corpus-options.ts";
import { simulate } from "./simulate.ts";
import type { StoreSource } from "./simulated-store.ts";

const seeds = process.env["PROOF"] === "full" ? 20 : 2;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

let histories = 0;
const postgres: StoreSource = (environment) => {
  const schema = `history_${(histories += 1)}`;
  const now = (): number => environment.now();
  // its own pauses are those of a connection: they take real time, of which the histories know nothing
  const { setTimer, defer } = realEnvironment;
  const world = { ...environment, setTimer, defer };
  const store = createPostgresStore({ connectionString: database.url, schema, lanes: 1, notify: false, environment: world, now });
  const close = async (): Promise<void> => {
    await store.close();
    await database.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
  };
  return { ...store, close, isRemote: true };
};

describe("simulated on postgres", () => {
  it.each(corpus)(`every history of "$name" keeps every promise, ${seeds} seeds`, { timeout: 280_000 }, async (entry) => {
    const report = await simulate((code) => entry.workflow(code), simulationOf(entry, { seeds, store: postgres }));
    expect(report.histories).toBe(seeds);
    const claim = `histories of "${entry.name}" in which every promise was kept, with ${report.faults} faults in them`;
    recordFigure({ promise: "Simulation", claim, figure: report.histories, store: "postgres" });
  });
});
