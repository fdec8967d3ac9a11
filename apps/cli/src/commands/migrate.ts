// `migrate`: makes a database, or brings it up to date. The other commands do so too; this one is for deployments.
import type { Command } from "commander";
import { withStore } from "../open-store.ts";
import { dbOption, type Settle, withExample } from "../option-parsers.ts";
import { print } from "../terminal.ts";

/** Adds `migrate`. */
export function addMigrateCommand(program: Command, _settle: Settle): void {
  const command = program
    .command("migrate")
    .summary("make a database or bring it up to date")
    .description("Makes a database, or brings its tables up to date. The other commands do that by themselves.")
    .addOption(dbOption())
    .action(({ db }: { db: string }) => withStore(db, { isNew: true }, async () => print(`${db} is up to date.`)));
  withExample(command, "$ workflow-engine migrate --db ./runs.db");
}
