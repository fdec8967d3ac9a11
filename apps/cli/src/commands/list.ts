// `list`: the runs of a database, newest first.
import type { RunRecord, Status } from "@bratsos/workflow-engine";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Database } from "../database.ts";
import { formatAge, formatCost, formatDuration, formatTable } from "../format.ts";
import { withStore } from "../open-store.ts";
import { dbOption, jsonOption, parseCount, type Settle, withExample } from "../option-parsers.ts";
import { paintStatus } from "../paint-status.ts";
import { moduleOf } from "../run-origin.ts";
import { colours, print, printJson } from "../terminal.ts";

const statuses = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"] as const satisfies readonly Status[];

interface ListOptions {
  status?: (typeof statuses)[number];
  workflow?: string;
  limit: number;
  db: Database;
  json?: boolean;
}

/** Adds `list`. */
export function addListCommand(program: Command, _settle: Settle): void {
  const status = new Option("--status <status>", `only runs of this status: ${statuses.join(", ")}`);
  const command = program
    .command("list")
    .summary("list runs, newest first")
    .description("Lists the runs of a database, newest first.")
    .addOption(status.argParser(parseStatus))
    .option("--workflow <id>", "only runs of this workflow")
    .option("--limit <n>", "how many at most", parseCount, 20)
    .addOption(dbOption())
    .addOption(jsonOption("write one JSON object a run"))
    .action((options: ListOptions) => withStore(options.db, { isNew: false }, ({ reader }) => list(reader.listRuns.bind(reader), options)));
  withExample(command, "$ workflow-engine list --status failed --limit 5");
}

type ListRuns = (
  filter: { status?: Status | undefined; workflowId?: string | undefined },
  page: { limit: number; cursor?: string | undefined },
) => Promise<{ items: RunRecord[]; nextCursor: string | null }>;

async function list(listRuns: ListRuns, { status, workflow, limit, json }: ListOptions): Promise<void> {
  const runs: RunRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await listRuns({ status, workflowId: workflow }, { limit: Math.min(500, limit - runs.length), cursor });
    runs.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && runs.length < limit);
  if (json) for (const run of runs) printJson(lineOf(run));
  else if (runs.length === 0) print("No runs.");
  else print(...tableOf(runs, Date.now()));
  if (!json && cursor !== undefined) print(colours.dim(`More runs than ${limit}: --limit shows more.`));
}

function tableOf(runs: readonly RunRecord[], now: number): string[] {
  const head = ["RUN", "WORKFLOW", "STATUS", "CREATED", "DURATION", "COST"].map((title) => colours.dim(title));
  return formatTable(
    head,
    runs.map((run) => [
      run.id,
      run.workflowId,
      paintStatus(run.status),
      formatAge(run.createdAt, now),
      formatDuration(run.duration),
      run.totalCost > 0 ? formatCost(run.totalCost) : "—",
    ]),
  );
}

function lineOf(run: RunRecord): Record<string, unknown> {
  const { id, workflowId, status, createdAt, startedAt, completedAt, duration, totalCost, totalTokens, priority, errorMessage } = run;
  const times = { createdAt, startedAt, completedAt, durationMs: duration };
  const error = errorMessage ?? null;
  return { workflowRunId: id, workflowId, status, ...times, totalCost, totalTokens, priority, error, module: moduleOf(run) };
}

function parseStatus(given: string): Status {
  const found = statuses.find((name) => name === given.toUpperCase());
  if (found) return found;
  throw new InvalidArgumentError(`It must be one of ${statuses.join(", ")}.`);
}
