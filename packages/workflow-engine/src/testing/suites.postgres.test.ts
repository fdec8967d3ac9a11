// Every suite on PostgreSQL; then every statement that they sent, on a store with a long history: each finds what it wants by an index
// and touches few pages, also at a million ended runs (PROOF=full).
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordFigure } from "../../../../tools/figures.ts";
import type { TestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { bindSuite } from "./bind.ts";
import { analyse, createLongHistory, liveOnHistory, schema } from "./long-history.test-fixture.ts";
import { postgresSource } from "./postgres.test-fixture.ts";
import { RecordedStatements } from "./recorded-statements.test-fixture.ts";
import { type PlanReport, StatementPlans } from "./statement-plans.test-fixture.ts";
import { allSuites } from "./suites/index.ts";

const isFull = process.env["PROOF"] === "full";
const runs = isFull ? 1_000_000 : 20_000;
const recorded = new RecordedStatements();
afterAll(() => recorded.stop());

describe("PostgreSQL", () => {
  const source = postgresSource();
  afterAll(() => source.close());
  for (const suite of allSuites) bindSuite(suite, { describe, it }, source);
});

/** Statements that read much because that is what is asked of them. */
const meant: Readonly<Record<string, string>> = {
  get_completed_runs: "answers nearly every run",
  drop_overdue_timers: "deletes all that are overdue",
  take_timers: "answers all that are due",
  count_runs: "counts every run, by indexes alone",
  find_lost_runs: "looks at every RUNNING run",
  list_leased_to: "looks at the stages of every RUNNING run, when a worker starts",
  find_leased_jobs: "looks at the stages of every RUNNING run, for a queue that is used by itself",
  list_stale_leases: "looks at the stages of every RUNNING run, when an instance is silent",
  list_holders: "looks at the stages of every RUNNING run, when an instance is silent",
  list_live: "looks at every event that is not published, for publishers that are not ours",
  list_live_to_take: "looks at every event that is not published, while single ones are marked",
  next_ready_at: "looks at every waiting stage",
  list_alive_of_runs: "may look at every waiting delivery",
  list_alive_of_queues: "may look at every waiting delivery",
  list_pending_runs_of_workflow: "looks at every PENDING run",
  next_queued_at: "looks at every PENDING run, when none is due",
  list_queued_run_workflows: "looks at every PENDING run, for a registry that does not tell its workflows",
  list_queued_stage_workflows: "looks at every waiting stage, for a registry that does not tell its workflows",
};

function problemsOf(reports: readonly PlanReport[]): string[] {
  const bad = reports.filter(({ statement, problems }) => problems.length > 0 && !(statement.name in meant));
  return [
    ...new Set(
      bad.map(({ statement, problems }) => `${statement.name}: ${problems.join("; ")}  ${JSON.stringify(statement.values).slice(0, 300)}`),
    ),
  ];
}

/** Indexes that this history hardly misses. */
const spare: Readonly<Record<string, string>> = {
  attempts_lost: "few attempts are lost",
  deliveries_alive: "few deliveries wait",
  deliveries_dead: "few deliveries are dead",
  deliveries_due: "few deliveries wait",
  runs_other: "that of their workflows is as good while they are few",
  runs_other_of_workflow: "that of all workflows is as good while they are few",
  ...(isFull ? {} : { publications_until: "publications are few" }),
};

describe(`PostgreSQL with ${runs} ended runs`, () => {
  let database: TestDatabase;
  let plans: StatementPlans;
  let early: PlanReport[];
  let reports: PlanReport[];
  beforeAll(async () => {
    database = await createLongHistory(runs);
    await liveOnHistory(database.url);
    plans = await new StatementPlans(database.url, schema, recorded.settings).open();
    early = await plans.examine(recorded.all);
    await analyse(database.url);
    reports = await plans.examine(recorded.all);
  }, 900_000);
  afterAll(async () => {
    await plans?.close();
    await database?.drop();
  });

  it("finds by an index what a statement wants, before anything is known of the tables", () => {
    expect(problemsOf(early)).toEqual([]);
  });

  it("finds by an index what a statement wants", () => {
    expect(problemsOf(reports)).toEqual([]);
    recordFigure({
      promise: "P22",
      claim: `statements that touch few pages with ${runs} ended runs`,
      figure: recorded.names.length,
      store: "postgres",
    });
  });

  it("has no index that no statement needs, and misses each of them", async () => {
    const needless: string[] = [];
    for (const index of await plans.listIndexes()) {
      const name = index.slice(index.lastIndexOf(".") + 1);
      const users = new Map(reports.filter(({ indexes }) => indexes.includes(name)).map((report) => [report.statement, report.problems]));
      const without = users.size === 0 ? [] : await plans.examine([...users.keys()], index);
      // what is as bad with the index, since that is what is asked, does not miss it
      const isMissed = without.some(({ statement, problems }) => problems.length > users.get(statement)!.length);
      if (!isMissed && !(name in spare)) needless.push(`${name} (${users.size})`);
    }
    expect(needless).toEqual([]);
  }, 600_000);
});
