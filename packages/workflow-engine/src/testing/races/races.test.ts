// Every pair of the kernel's commands races for one run, 24 rivals at a time (P2, P3, P4, P8, P9, P10, P13, P18): on PostgreSQL from 24
// processes, each on a connection of its own, and from two whose rivals ride together; on SQLite from two on one file. Every pair in either
// order and in every situation in `npm run prove`; in `npm test` each pair once a database. The negative control is a database without locks.
import { afterAll, describe, expect, it } from "vitest";
import { recordFigure } from "../../../../../tools/figures.ts";
import type { CommandType } from "../../kernel/commands/command.ts";
import { type Ground, postgresGround, sqliteGround } from "./ground.test-fixture.ts";
import { type Race, runRace } from "./race.test-fixture.ts";
import { commands, situations } from "./situations.test-fixture.ts";

const isFull = process.env["PROOF"] === "full";
const rivals = 24;
const types = Object.keys(commands) as CommandType[];
const places = Object.keys(situations);

/** Every ordered pair in every situation; reduced, each pair once, in a situation that differs from pair to pair. */
const all: readonly Race[] = types.flatMap((first, i) =>
  types.flatMap((second, j) => {
    if (isFull) return places.map((situation) => ({ first, second, situation }));
    return i > j ? [] : [{ first, second, situation: places[(i * types.length + j * 5) % places.length]! }];
  }),
);

interface Place {
  readonly name: string;
  readonly store: string;
  readonly races: readonly Race[];
  open(): Promise<Ground>;
}

const half = (rest: number): readonly Race[] => (isFull ? all : all.filter((_, n) => n % 2 === rest));
const grounds: readonly Place[] = [
  { name: "24 processes on PostgreSQL", store: "postgres", races: half(0), open: () => postgresGround(24, 24) },
  { name: "2 processes on PostgreSQL", store: "postgres", races: half(1), open: () => postgresGround(2, 24) },
  { name: "2 processes on one SQLite file", store: "sqlite", races: all, open: () => sqliteGround(2) },
];
const opened: Ground[] = [];
afterAll(() => Promise.all(opened.map((ground) => ground.close())));

async function opening(open: Promise<Ground>): Promise<Ground> {
  const ground = await open;
  opened.push(ground);
  return ground;
}

/** Runs races one after the other; answers what went wrong, and how many rivals were refused. */
async function runAll(ground: Ground, races: readonly Race[]): Promise<{ wrong: unknown[]; refused: number }> {
  const wrong: unknown[] = [];
  let refused = 0;
  for (const race of races) {
    refused += await runRace(ground, race, rivals).catch((error: unknown) => {
      wrong.push(error);
      return 0;
    });
  }
  return { wrong, refused };
}

const timeout = isFull ? 900_000 : 90_000;

describe.each(grounds)("commands that race from $name", ({ name, store, races, open }) => {
  it(`P4: ${races.length} races of ${rivals} rivals, of ${types.length} commands, end as if they had come one by one`, {
    timeout,
  }, async () => {
    const ground = await opening(open());
    const { wrong, refused } = await runAll(ground, races);
    if (wrong.length > 0)
      throw new AggregateError(wrong, `${wrong.length} of ${races.length} races went wrong, first: ${String(wrong[0])}`);
    const [busiest, deadlocks] = [ground.busiest(), await ground.deadlocks()];
    if (name.startsWith("24")) expect(busiest).toBe(24);
    const claim = `races of ${rivals} rivals from ${name}: ${types.length} commands, every pair in either order, in ${places.length} situations`;
    const connections = busiest === null ? "" : `; ${busiest} connections at work at once, ${deadlocks} deadlocks met, none surfaced`;
    recordFigure({
      promise: "P4",
      claim,
      figure: `${races.length} of ${races.length} serial, ${refused} rivals refused${connections}`,
      store,
    });
  });
});

it("the control: without the lock on their run, rivals are found out", { timeout }, async () => {
  const ground = await opening(postgresGround(24, 24, (text) => text.replace(/ FOR NO KEY UPDATE(?! SKIP)/, "")));
  const pairs: Race[] = [
    { first: "run.rerunFrom", second: "run.rerunFrom", situation: "failed" },
    { first: "budget.raise", second: "run.cancel", situation: "held" },
    { first: "job.execute", second: "job.execute", situation: "queued" },
    { first: "job.execute", second: "job.execute", situation: "with siblings" },
  ];
  const { wrong } = await runAll(ground, pairs);
  expect(wrong).not.toEqual([]);
  expect(String(wrong[0])).toMatch(/changed run|saw it|in the end|tells of|sequence|told/);
});
