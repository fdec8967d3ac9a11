// `show`: everything about one run.
import { type LogRecord, type Reader, type RunDetail, resolveOutput } from "@bratsos/workflow-engine";
import type { Command } from "commander";
import type { Database } from "../database.ts";
import { withStore } from "../open-store.ts";
import { dbOption, jsonOption, parseIndex, type Settle, withExample } from "../option-parsers.ts";
import { requireRun } from "../run-origin.ts";
import { type ShownRun, showLines } from "../show-lines.ts";
import { print } from "../terminal.ts";

interface ShowOptions {
  logs: number;
  db: Database;
  json?: boolean;
}

/** Adds `show`. */
export function addShowCommand(program: Command, _settle: Settle): void {
  const command = program
    .command("show")
    .summary("show one run in full")
    .description("Shows a run: its stages and their attempts, errors, logs, artifacts and the output.")
    .argument("<runId>", "id of the run")
    .option("--logs <n>", "how many of the last log lines", parseIndex, 10)
    .addOption(dbOption())
    .addOption(jsonOption("write one JSON object with all of it, values in full"))
    .action((runId: string, options: ShowOptions) => show(runId, options));
  withExample(command, "$ workflow-engine show 01a2b3c4-… --logs 50");
}

function show(runId: string, { logs, db, json }: ShowOptions): Promise<void> {
  return withStore(db, { isNew: false }, async (store) => {
    await requireRun(store, runId, db);
    const detail = (await store.reader.getRunDetail(runId)) as RunDetail;
    const shown: ShownRun = {
      detail,
      input: await resolveOutput(detail.run.input, store.blobStore),
      output: await resolveOutput(detail.run.output, store.blobStore),
      attempts: await store.reader.listAttempts(runId),
      logs: await lastLogs(store.reader, runId, logs),
    };
    if (json) print(JSON.stringify(toJson(shown), null, 2));
    else print(...showLines(shown, { db: db.shown, now: Date.now(), columns: process.stdout.columns ?? 120 }));
  });
}

function toJson({ detail, input, output, attempts, logs }: ShownRun): Record<string, unknown> {
  return { run: { ...detail.run, input, output }, stages: detail.stages, attempts, artifacts: detail.artifacts, logs };
}

/** The last lines; the reader pages from the oldest. */
async function lastLogs(reader: Reader, runId: string, count: number): Promise<LogRecord[]> {
  let last: LogRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await reader.listLogs(runId, { limit: 500, cursor });
    last = count === 0 ? [] : [...last, ...page.items].slice(-count);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return last;
}
