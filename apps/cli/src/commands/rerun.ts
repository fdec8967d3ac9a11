// `rerun`: opens an ended run again from a stage and executes it to its end. Stages before that one keep their outputs.
import type { Command } from "commander";
import type { Database } from "../database.ts";
import { executeRun, kernelFor } from "../execute-run.ts";
import { withStore } from "../open-store.ts";
import { concurrencyOption, dbOption, jsonOption, moduleOption, type Settle, withExample } from "../option-parsers.ts";
import { requireRun, workflowOf } from "../run-origin.ts";
import { UsageError } from "../usage-error.ts";

interface RerunOptions {
  from: string;
  module?: string;
  db: Database;
  json?: boolean;
  concurrency?: number;
}

/** Adds `rerun`. */
export function addRerunCommand(program: Command, settle: Settle): void {
  const command = program
    .command("rerun")
    .summary("run an ended run again from a stage")
    .description("Runs a run that has ended again, from one of its stages on. The stages before it keep their outputs.")
    .argument("<runId>", "id of the run")
    .argument("[module]", "the same as --module")
    .requiredOption("--from <stage>", "id of the stage to start at")
    .addOption(moduleOption())
    .addOption(dbOption())
    .addOption(concurrencyOption())
    .addOption(jsonOption("write one JSON object a line: every event, then the result"))
    .action(async (runId: string, modulePath: string | undefined, options: RerunOptions) => {
      settle(await rerun(runId, { ...options, ...(modulePath !== undefined && { module: modulePath }) }));
    });
  withExample(command, "$ workflow-engine rerun 01a2b3c4-… --from summarise");
}

function rerun(runId: string, options: RerunOptions): Promise<number> {
  const { db, from } = options;
  return withStore(db, { isNew: false }, async (store) => {
    const workflow = await workflowOf(await requireRun(store, runId, db), options.module);
    if (!workflow.hasStage(from)) {
      throw new UsageError(`Workflow "${workflow.id}" has no stage "${from}"`, `Its stages: ${workflow.getStageIds().join(", ")}`);
    }
    const kernel = kernelFor(store, [workflow]);
    return executeRun({
      store,
      kernel,
      workflow,
      db,
      isJson: options.json ?? false,
      concurrency: options.concurrency,
      begin: async () => {
        await kernel.dispatch({ type: "run.rerunFrom", workflowRunId: runId, fromStageId: from });
        return runId;
      },
    });
  });
}
