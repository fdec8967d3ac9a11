// `run`: creates a run of a module's workflow and executes it here.
import { randomUUID } from "node:crypto";
import type { AnyWorkflow } from "@bratsos/workflow-engine";
import type { Command } from "commander";
import type { Database, Store } from "../database.ts";
import { executeRun, kernelFor } from "../execute-run.ts";
import { parseJsonOption, parseObjectOption } from "../json-option.ts";
import { type LoadedModule, loadModule, pickWorkflow } from "../load-module.ts";
import { withStore } from "../open-store.ts";
import { concurrencyOption, dbOption, jsonOption, type Settle, withExample } from "../option-parsers.ts";
import { originMetadata } from "../run-origin.ts";
import { UsageError } from "../usage-error.ts";

interface RunOptions {
  input?: string;
  config?: string;
  db: Database;
  key?: string;
  json?: boolean;
  concurrency?: number;
}

/** Adds `run`. */
export function addRunCommand(program: Command, settle: Settle): void {
  const command = program
    .command("run")
    .summary("run a workflow to its end")
    .description("Runs a workflow and shows each of its stages. Ctrl-C stops in order: `resume` goes on where it stopped.")
    .argument("<module>", "file that exports workflows, e.g. ./workflow.ts")
    .argument("[workflowId]", "which of them; needed when there are several")
    .option("--input <json>", "the workflow's input: JSON, or @file.json")
    .option("--config <json>", "config by stage id: JSON, or @file.json")
    .option("--key <key>", "idempotency key: the same key and input answer the same run")
    .addOption(dbOption())
    .addOption(concurrencyOption())
    .addOption(jsonOption("write one JSON object a line: every event, then the result"))
    .action(async (modulePath: string, workflowId: string | undefined, options: RunOptions) => {
      settle(await run(modulePath, workflowId, options));
    });
  withExample(command, `$ workflow-engine run ./workflow.ts --input '{"url":"https://example.com"}'`);
}

async function run(modulePath: string, workflowId: string | undefined, options: RunOptions): Promise<number> {
  const loaded = await loadModule(modulePath);
  const workflow = pickWorkflow(loaded, workflowId);
  const input = options.input === undefined ? await inputOfNone(workflow) : parseJsonOption("--input", options.input);
  const config = options.config === undefined ? undefined : parseObjectOption("--config", options.config);
  return withStore(options.db, { isNew: true }, (store) => {
    const kernel = kernelFor(store, [workflow]);
    return executeRun({
      store,
      kernel,
      workflow,
      db: options.db,
      isJson: options.json ?? false,
      concurrency: options.concurrency,
      begin: async (display) => {
        const others = await unfinishedRuns(store, workflow.id);
        const created = await kernel.dispatch({ ...createCommand(loaded, workflow, options.key), input, config });
        const waiting = others.filter((id) => id !== created.workflowRunId);
        if (waiting.length > 0) display.note(`Unfinished runs of ${workflow.id} in this database go on too: ${waiting.join(", ")}`);
        return created.workflowRunId;
      },
    });
  });
}

function createCommand({ path }: LoadedModule, workflow: AnyWorkflow, key: string | undefined) {
  return {
    type: "run.create" as const,
    idempotencyKey: key ?? randomUUID(),
    workflowId: workflow.id,
    metadata: originMetadata(path),
  };
}

/** Runs that a worker for this workflow will find. */
async function unfinishedRuns(store: Store, workflowId: string): Promise<string[]> {
  const pages = await Promise.all(
    (["PENDING", "RUNNING"] as const).map((status) => store.reader.listRuns({ workflowId, status }, { limit: 5 })),
  );
  return pages.flatMap(({ items }) => items.map(({ id }) => id));
}

/** Without `--input`: `{}` when the workflow takes that, else a UsageError that shows what it takes. */
async function inputOfNone({ id, inputSchema }: AnyWorkflow): Promise<unknown> {
  const parsed = await inputSchema.safeParseAsync({});
  if (parsed.success) return {};
  throw new UsageError(`Workflow "${id}" needs --input`, `It takes JSON of this shape:\n${describeSchema(inputSchema)}`);
}

/** The schema as JSON Schema by its own zod; not every schema has one. */
function describeSchema(schema: { toJSONSchema?: (options: object) => object }): string {
  try {
    const { $schema: _, ...shape } = (schema.toJSONSchema?.({ io: "input", unrepresentable: "any" }) ?? {}) as Record<string, unknown>;
    return JSON.stringify(shape, null, 2);
  } catch {
    return "(its schema cannot be shown as JSON Schema)";
  }
}
