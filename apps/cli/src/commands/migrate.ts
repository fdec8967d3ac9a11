// `migrate`: makes the tables of a database, or brings them up to date, and says what it did. For deployments, and for PostgreSQL where
// the processes that work may not create tables.
import type { Command } from "commander";
import type { Database } from "../database.ts";
import { isUpToDate, withStore } from "../open-store.ts";
import { dbOption, type Settle, withExample } from "../option-parsers.ts";
import { print } from "../terminal.ts";

/** Adds `migrate`. */
export function addMigrateCommand(program: Command, _settle: Settle): void {
  const command = program
    .command("migrate")
    .summary("make a database or bring it up to date")
    .description(
      "Makes the tables of a database, or brings them up to date. `run`, `worker` and `serve` do that by themselves.\n" +
        "Any number of processes may do it at the same time.",
    )
    .addOption(dbOption())
    .action(({ db }: { db: Database }) => migrate(db));
  withExample(
    command,
    "$ workflow-engine migrate --db ./runs.db",
    "$ workflow-engine migrate --db postgres://user:password@host:5432/database",
  );
}

async function migrate(db: Database): Promise<void> {
  const wasUpToDate = await isUpToDate(db);
  await withStore(db, { isNew: true }, async () => undefined);
  if (wasUpToDate) print(`${db} is up to date.`);
  else if (db.isPostgres) print(`${db}: made the tables of the schema workflow_engine, or brought them up to date.`);
  else print(`${db}: made the tables.`);
}
