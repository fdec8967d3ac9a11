// Finds the workflows a module exports: any export that is a workflow or a list of them, the default export included. Workflows
// are known by their shape, so that a module with its own copy of the engine works too.
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AnyWorkflow } from "@bratsos/workflow-engine";
import { UsageError } from "./usage-error.ts";

/** A module and its workflows. */
export interface LoadedModule {
  /** Absolute; what a run remembers of where it came from. */
  path: string;
  workflows: AnyWorkflow[];
}

/** Imports a module by its path relative to the working directory; throws UsageError. */
export async function loadModule(path: string): Promise<LoadedModule> {
  const absolute = resolve(path);
  if (!existsSync(absolute)) throw new UsageError(`Module not found: ${absolute}`, "Pass the path of a file, e.g. ./workflow.ts.");
  if (statSync(absolute).isDirectory())
    throw new UsageError(`${absolute} is a folder`, "Pass the file in it that exports your workflows, e.g. ./workflow.ts.");
  const workflows = [
    ...new Set(
      Object.values(await importFile(absolute))
        .flat()
        .filter(isWorkflow),
    ),
  ];
  if (workflows.length === 0) {
    throw new UsageError(
      `${path} exports no workflow`,
      "Export one: export const myWorkflow = defineWorkflow({ … }).pipe(…).build(), or a list: export const workflows = [myWorkflow].",
    );
  }
  return { path: absolute, workflows };
}

/** The workflow of this id, or the only one there is; throws UsageError listing the ids. */
export function pickWorkflow({ path, workflows }: LoadedModule, workflowId: string | undefined): AnyWorkflow {
  const ids = workflows.map(({ id }) => id).join(", ");
  if (workflowId !== undefined) {
    const found = workflows.find(({ id }) => id === workflowId);
    if (found) return found;
    throw new UsageError(`${path} has no workflow "${workflowId}"`, `It has: ${ids}`);
  }
  const [only, ...others] = workflows;
  if (only && others.length === 0) return only;
  throw new UsageError(`${path} has ${workflows.length} workflows`, `Name one of them after the module: ${ids}`);
}

async function importFile(absolute: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(absolute).href)) as Record<string, unknown>;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const failure = new UsageError(`Cannot load ${absolute}: ${reason}`, "Set DEBUG=1 to see where.");
    if (error instanceof Error && error.stack !== undefined) failure.stack = error.stack;
    throw failure;
  }
}

function isWorkflow(value: unknown): value is AnyWorkflow {
  if (typeof value !== "object" || value === null) return false;
  const { id, plan, inputSchema } = value as Partial<Record<string, unknown>>;
  return typeof id === "string" && typeof plan === "object" && plan !== null && "groups" in plan && typeof inputSchema === "object";
}
