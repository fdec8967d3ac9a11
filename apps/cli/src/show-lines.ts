// A run in full, for people.

import type { LogRecord, Reader, RunDetail } from "@bratsos/workflow-engine";
import { onDb } from "./database.ts";
import { cut, formatAge, formatBytes, formatCost, formatDuration, formatTable, formatTime, formatValue } from "./format.ts";
import { paintStatus } from "./paint-status.ts";
import { moduleOf } from "./run-origin.ts";
import { formatStageLine, idWidthOf } from "./stage-line.ts";
import { viewStages } from "./stage-views.ts";
import { colours, commandLine } from "./terminal.ts";
import { shortLabel } from "./worker-label.ts";

type Attempts = Awaited<ReturnType<Reader["listAttempts"]>>;

/** What `show` has read. */
export interface ShownRun {
  detail: RunDetail;
  input: unknown;
  output: unknown;
  attempts: Attempts;
  /** Oldest first. */
  logs: LogRecord[];
}

/** How it is shown. */
export interface ShowOptions {
  db: string;
  now: number;
  columns: number;
}

/** The lines of `show`. */
export function showLines(shown: ShownRun, options: ShowOptions): string[] {
  const { detail, input, output, attempts, logs } = shown;
  return [
    ...headLines(detail, options),
    ...section("Stages", stageLines(detail, options)),
    ...section("Attempts", isOneEach(attempts) ? [] : attemptLines(attempts, options)),
    ...section("Artifacts", artifactLines(detail)),
    ...section(`Logs (the last ${logs.length})`, logLines(logs, detail, options)),
    ...section("Input", formatValue(input, { text: 300, lines: 15 })),
    ...section("Output", output === null || output === undefined ? [] : formatValue(output)),
    ...hintLines(detail, options),
  ];
}

function section(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ["", colours.bold(title), ...lines];
}

function headLines({ run }: RunDetail, { now }: ShowOptions): string[] {
  const rows: Array<[string, string]> = [
    ["workflow", run.workflowId],
    ["created", `${run.createdAt.toISOString()} (${formatAge(run.createdAt, now)})`],
    ["duration", formatDuration(run.duration ?? (run.startedAt ? now - run.startedAt.getTime() : null))],
  ];
  if (run.totalCost > 0) rows.push(["cost", `${formatCost(run.totalCost)}, ${run.totalTokens} tokens`]);
  const module = moduleOf(run);
  if (module !== null) rows.push(["module", module]);
  if (run.errorMessage) rows.push(["error", colours.red(run.errorMessage)]);
  return [`${colours.bold(`Run ${run.id}`)}  ${paintStatus(run.status)}`, ...rows.map(([name, value]) => `  ${name.padEnd(9)} ${value}`)];
}

function stageLines(detail: RunDetail, { now, columns }: ShowOptions): string[] {
  const stages = viewStages(detail, null, now);
  const idWidth = idWidthOf(stages, columns);
  return stages.map((stage) => formatStageLine(stage, { idWidth, columns, now }));
}

/** An attempt each that did what its stage did says nothing new. */
function isOneEach(attempts: Attempts): boolean {
  return attempts.every(({ attempt, status }) => attempt <= 1 && (status === "COMPLETED" || status === "RUNNING"));
}

function attemptLines(attempts: Attempts, { columns }: ShowOptions): string[] {
  return attempts.map(({ stageId, attempt, status, startedAt, endedAt, workerId, error }) => {
    const duration = startedAt && endedAt ? formatDuration(endedAt.getTime() - startedAt.getTime()) : "";
    const who = workerId === null ? "" : colours.dim(shortLabel(workerId));
    const start = startedAt ? formatTime(startedAt) : "";
    const words = [start, `${stageId} #${attempt}`, paintStatus(status), duration, who, error === null ? "" : cut(error, columns)];
    return `  ${words.filter((word) => word !== "").join("  ")}`;
  });
}

function artifactLines({ artifacts }: RunDetail): string[] {
  if (artifacts.length === 0) return [];
  const rows = artifacts.map(({ key, type, size }) => [`  ${key}`, type, formatBytes(size)]);
  return formatTable(
    ["  KEY", "TYPE", "SIZE"].map((title) => colours.dim(title)),
    rows,
  );
}

function logLines(logs: readonly LogRecord[], { stages }: RunDetail, { columns }: ShowOptions): string[] {
  const stageIds = new Map(stages.map(({ id, stageId }) => [id, stageId]));
  const levels: Partial<Record<string, (text: string) => string>> = { WARN: colours.yellow, ERROR: colours.red };
  return logs.map(({ createdAt, level, message, metadata, workflowStageId }) => {
    const paint = levels[level] ?? colours.dim;
    const stage = (workflowStageId !== null && stageIds.get(workflowStageId)) || "";
    const rest = metadata === null ? "" : ` ${colours.dim(cut(JSON.stringify(metadata), columns))}`;
    return `  ${colours.dim(formatTime(createdAt))}  ${paint(level.padEnd(5))}  ${stage}  ${message}${rest}`;
  });
}

function hintLines({ run, stages }: RunDetail, { db }: ShowOptions): string[] {
  const undone = stages.find(({ status }) => status === "FAILED" || status === "CANCELLED")?.stageId;
  if (run.status === "RUNNING" || run.status === "PENDING")
    return ["", `${colours.dim("Go on with it if nobody does:")} ${commandLine("resume", run.id, ...onDb(db))}`];
  if (undone === undefined) return [];
  return ["", `${colours.dim("Try again:")} ${commandLine("rerun", run.id, "--from", undone, ...onDb(db))}`];
}
