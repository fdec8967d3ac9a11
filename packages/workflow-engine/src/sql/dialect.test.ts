// Every statement in every dialect: parameters named and used, and on SQLite a plan that does not read a whole table.
import { readdirSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { beforeAll, describe, expect, it } from "vitest";
import { postgresDialect, type Statement, sqliteDialect } from "./dialect.ts";
import { migrations } from "./migrate.ts";

const folder = new URL("./tables/", import.meta.url);
let statements: Statement[] = [];
beforeAll(async () => {
  const modules = await Promise.all(readdirSync(folder).map((file): Promise<object> => import(new URL(file, folder).href)));
  statements = modules.flatMap((module) => Object.values(module).flatMap(statementsIn));
});

function isStatement(value: unknown): value is Statement {
  return typeof value === "object" && value !== null && "render" in value && "columns" in value;
}

/** A statement, or those of a record. */
function statementsIn(value: unknown): Statement[] {
  if (isStatement(value)) return [value];
  return typeof value === "object" && value !== null ? Object.values(value).filter(isStatement) : [];
}

describe("statements", () => {
  it("are there, each under a name of its own", () => {
    const names = statements.map((statement) => statement.name);
    expect(names.length).toBeGreaterThan(60);
    expect(new Set(names).size).toBe(names.length);
  });

  it("name every parameter they are given, in both dialects", () => {
    for (const statement of statements) {
      const names = Object.keys(statement.columns);
      const [sqlite, postgres] = [statement.render(sqliteDialect), statement.render(postgresDialect)];
      for (let i = 1; i <= names.length; i++) {
        expect(sqlite, statement.name).toMatch(new RegExp(`\\?${i}(?!\\d)`));
        expect(postgres, statement.name).toMatch(new RegExp(`\\$${i}::`));
      }
      expect(sqlite, statement.name).not.toMatch(/unnest|undefined|FOR NO KEY|LIMIT \?/);
      expect(postgres, statement.name).not.toMatch(/\?\d|undefined|json_each|INDEXED BY/);
    }
  });

  it("read by an index on SQLite, and whole indexes only of what waits", () => {
    const database = new DatabaseSync(":memory:");
    for (const migration of migrations) database.exec(migration.script(sqliteDialect));
    // counts everything; a row a process; answers nearly everything
    const mayRead = new Set(["count_runs", "list_silent_instances", "get_completed_runs", "get_other_runs"]);
    const isSmall = /^SCAN (CONSTANT ROW|json_each|m\b|event_marks|live|fresh|letters)/;
    const waiting = /^SCAN .*USING (COVERING )?INDEX (runs_queue|runs_running|stages_queue|stages_ready|stages_polls|deliveries_alive)/;
    const reading = statements.filter((statement) => {
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${statement.render(sqliteDialect)}`).all() as Array<{ detail: string }>;
      return plan.some(({ detail }) => detail.startsWith("SCAN") && !isSmall.test(detail) && !waiting.test(detail));
    });
    database.close();
    expect(reading.map(({ name }) => name).filter((name) => !mayRead.has(name))).toEqual([]);
  });
});
