// `delete`: removes an ended run with everything that belongs to it.
import type { Command } from "commander";
import type { Database } from "../database.ts";
import { kernelFor } from "../execute-run.ts";
import { withStore } from "../open-store.ts";
import { dbOption, type Settle, withExample } from "../option-parsers.ts";
import { requireRun } from "../run-origin.ts";
import { print } from "../terminal.ts";

/** Adds `delete`. */
export function addDeleteCommand(program: Command, _settle: Settle): void {
  const command = program
    .command("delete")
    .summary("delete an ended run")
    .description("Deletes a run that has ended: its stages, logs, artifacts, events and stored values. It cannot be undone.")
    .argument("<runId>", "id of the run")
    .addOption(dbOption())
    .action((runId: string, { db }: { db: Database }) =>
      withStore(db, { isNew: false }, async (store) => {
        await requireRun(store, runId, db);
        await kernelFor(store, []).dispatch({ type: "run.delete", workflowRunId: runId });
        print(`Deleted run ${runId}.`);
      }),
    );
  withExample(command, "$ workflow-engine delete 01a2b3c4-…");
}
