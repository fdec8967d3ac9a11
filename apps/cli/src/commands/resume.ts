// `resume`: goes on with a run that Ctrl-C, a kill or a crash left. Stages that are done stay done.
import type { Kernel, RunRecord } from "@bratsos/workflow-engine";
import type { Command } from "commander";
import { type Database, onDb, type Store } from "../database.ts";
import type { Display } from "../display/display.ts";
import { firstUndone } from "../display/summary.ts";
import { executeRun, kernelFor } from "../execute-run.ts";
import { freeDeadLeases, leaseMs } from "../free-dead-leases.ts";
import { withStore } from "../open-store.ts";
import { concurrencyOption, dbOption, jsonOption, moduleOption, type Settle, withExample } from "../option-parsers.ts";
import { endedStatuses } from "../run-follower.ts";
import { requireRun, workflowOf } from "../run-origin.ts";
import { viewStages } from "../stage-views.ts";
import { commandLine, print, printJson } from "../terminal.ts";
import { exitCode } from "../usage-error.ts";
import { shortLabel } from "../worker-label.ts";

interface ResumeOptions {
  module?: string;
  db: Database;
  json?: boolean;
  concurrency?: number;
}

/** Adds `resume`. */
export function addResumeCommand(program: Command, settle: Settle): void {
  const command = program
    .command("resume")
    .summary("go on with an interrupted run")
    .description("Goes on with a run that Ctrl-C, a kill or a crash left unfinished. Stages that are done do not run again.")
    .argument("<runId>", "id of the run")
    .argument("[module]", "the same as --module")
    .addOption(moduleOption())
    .addOption(dbOption())
    .addOption(concurrencyOption())
    .addOption(jsonOption("write one JSON object a line: every event, then the result"))
    .action(async (runId: string, modulePath: string | undefined, options: ResumeOptions) => {
      settle(await resume(runId, { ...options, ...(modulePath !== undefined && { module: modulePath }) }));
    });
  withExample(command, "$ workflow-engine resume 01a2b3c4-…");
}

function resume(runId: string, options: ResumeOptions): Promise<number> {
  const { db } = options;
  return withStore(db, { isNew: false }, async (store) => {
    const run = await requireRun(store, runId, db);
    if (endedStatuses.has(run.status)) return tellEnded(store, run, options);
    const workflow = await workflowOf(run, options.module);
    const kernel = kernelFor(store, [workflow]);
    return executeRun({
      store,
      kernel,
      workflow,
      db,
      isJson: options.json ?? false,
      concurrency: options.concurrency,
      begin: async (display) => {
        await takeOver(store, kernel, runId, display);
        return runId;
      },
    });
  });
}

/** Frees what dead processes hold, and says whom it has to wait for. */
async function takeOver(store: Store, kernel: Kernel, runId: string, display: Pick<Display, "note">): Promise<void> {
  const detail = await store.reader.getRunDetail(runId);
  if (!detail) return;
  const { gone, holding } = await freeDeadLeases(kernel, store.runStore, detail);
  for (const label of gone) display.note(`Worker ${shortLabel(label)} is gone; its stages start again.`);
  for (const label of holding) {
    display.note(
      `Worker ${shortLabel(label)} holds stages of this run and may be alive: following it. If it is gone, its lease ends within ${leaseMs / 1_000} s.`,
    );
  }
}

/** Nothing to resume: the exit code is the one the run would have had. */
async function tellEnded(store: Store, run: RunRecord, { db, json }: ResumeOptions): Promise<number> {
  const code = run.status === "COMPLETED" ? exitCode.completed : exitCode.failed;
  if (json) {
    printJson({ type: "result", workflowRunId: run.id, workflowId: run.workflowId, status: run.status, isInterrupted: false });
    return code;
  }
  const stages = viewStages(await store.reader.getRunDetail(run.id), null, Date.now());
  const from = firstUndone(stages) ?? stages[0]?.stageId ?? "<stage>";
  print(
    `Run ${run.id} has already ended: ${run.status}. There is nothing to resume.`,
    `See it:       ${commandLine("show", run.id, ...onDb(db.shown))}`,
    `Do it again:  ${commandLine("rerun", run.id, "--from", from, ...onDb(db.shown))}`,
  );
  return code;
}
