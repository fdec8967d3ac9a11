// Which module a run came from: kept in its metadata, so that `resume` and `rerun` need only the run's id.
import type { RunRecord } from "@bratsos/workflow-engine";
import { type Database, onDb, type Store } from "./database.ts";
import { type LoadedModule, loadModule, pickWorkflow } from "./load-module.ts";
import { commandLine } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** Metadata of a run made from this module; what the caller gave stays beside it. */
export function originMetadata(modulePath: string, own: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...own, cli: { module: modulePath } };
}

/** Absolute path of the module a run was started from; null for runs that the command line did not start. */
export function moduleOf(run: Pick<RunRecord, "metadata">): string | null {
  const cli = run.metadata?.["cli"];
  const path = typeof cli === "object" && cli !== null && "module" in cli ? cli.module : null;
  return typeof path === "string" ? path : null;
}

/** The run, or a UsageError. */
export async function requireRun(store: Pick<Store, "persistence">, runId: string, db: Database): Promise<RunRecord> {
  const run = await store.persistence.getRun(runId);
  if (run) return run;
  throw new UsageError(`No run ${runId} in ${db}`, `See which there are: ${commandLine("list", ...onDb(db.shown))}`);
}

/** The workflow of a run, from the given module or the one the run came from. */
export async function workflowOf(run: RunRecord, given: string | undefined): Promise<ReturnType<typeof pickWorkflow>> {
  const path = given ?? moduleOf(run);
  if (path === null) {
    throw new UsageError(`Run ${run.id} was not started by this command, so its module is not known`, "Name it: --module ./workflow.ts");
  }
  return pickWorkflow(await loadOrigin(path, given === undefined), run.workflowId);
}

async function loadOrigin(path: string, isRemembered: boolean): Promise<LoadedModule> {
  try {
    return await loadModule(path);
  } catch (error) {
    if (!isRemembered || !(error instanceof UsageError)) throw error;
    throw new UsageError(`The run's module cannot be used. ${error.message}`, "If it has moved, say where it is: --module ./workflow.ts");
  }
}
