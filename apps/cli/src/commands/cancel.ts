// `cancel`: ends a run that has not ended, wherever it runs.
import type { Command } from "commander";
import type { Database } from "../database.ts";
import { kernelFor } from "../execute-run.ts";
import { withStore } from "../open-store.ts";
import { dbOption, type Settle, withExample } from "../option-parsers.ts";
import { requireRun } from "../run-origin.ts";
import { print } from "../terminal.ts";
import { exitCode } from "../usage-error.ts";

/** Adds `cancel`. */
export function addCancelCommand(program: Command, settle: Settle): void {
  const command = program
    .command("cancel")
    .summary("cancel a run")
    .description("Cancels a run that has not ended. Stages that are executing are told to stop, in whichever process they run.")
    .argument("<runId>", "id of the run")
    .option("--reason <text>", "why, kept with the run")
    .addOption(dbOption())
    .action(async (runId: string, { reason, db }: { reason?: string; db: Database }) => {
      settle(await cancel(runId, reason, db));
    });
  withExample(command, '$ workflow-engine cancel 01a2b3c4-… --reason "wrong input"');
}

function cancel(runId: string, reason: string | undefined, db: Database): Promise<number> {
  return withStore(db, { isNew: false }, async (store) => {
    await requireRun(store, runId, db);
    const { cancelled } = await kernelFor(store, []).dispatch({ type: "run.cancel", workflowRunId: runId, reason });
    const status = await store.persistence.getRunStatus(runId);
    print(cancelled ? `Cancelled run ${runId}.` : `Run ${runId} has already ended: ${status}.`);
    return cancelled || status === "CANCELLED" ? exitCode.completed : exitCode.failed;
  });
}
