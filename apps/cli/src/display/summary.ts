// How a run ended, for people: status, figures, output, and the command to type next.
import { onDb } from "../database.ts";
import { formatCost, formatDuration, formatValue } from "../format.ts";
import { colours, commandLine } from "../terminal.ts";
import type { RunEnd } from "./display.ts";

/** The lines after a run. */
export function summarize(end: RunEnd): string[] {
  if (end.isInterrupted) return summarizeInterrupted(end);
  const lines = ["", headOf(end)];
  const failed = end.stages.filter((stage) => stage.state === "failed");
  if (end.run.status === "FAILED") {
    lines.push(...failed.map(({ stageId, error }) => `  ${stageId}: ${error ?? ""}`));
    if (failed.length === 0 && end.run.errorMessage) lines.push(`  ${end.run.errorMessage}`);
  }
  if (end.run.status === "CANCELLED" && end.run.errorMessage) lines.push(`  ${end.run.errorMessage}`);
  if (end.run.status === "COMPLETED") lines.push("", colours.bold("Output"), ...formatValue(end.output, { text: 200, lines: 30 }));
  lines.push("", ...hintsOf(end));
  return lines;
}

/** Where a rerun of a run that did not complete would start: its first stage that is not done. */
export function firstUndone(stages: RunEnd["stages"]): string | undefined {
  return stages.find(({ state }) => state !== "done" && state !== "skipped")?.stageId;
}

function headOf({ run }: RunEnd): string {
  const paint = { COMPLETED: colours.green, FAILED: colours.red }[run.status as string] ?? colours.yellow;
  const figures = [run.duration === null ? "" : `in ${formatDuration(run.duration)}`, run.totalCost > 0 ? formatCost(run.totalCost) : ""];
  return `${colours.bold(paint(run.status))} ${figures.filter((figure) => figure !== "").join(", ")}  ${colours.dim(`run ${run.id}`)}`;
}

function hintsOf({ run, runId, db, stages }: RunEnd): string[] {
  const show = `${colours.dim("Look at it:")}  ${commandLine("show", runId, ...onDb(db))}`;
  if (run.status === "COMPLETED") return [show];
  const from = firstUndone(stages) ?? "<stage>";
  return [`${colours.dim("Try again:")}   ${commandLine("rerun", runId, "--from", from, ...onDb(db))}`, show];
}

function summarizeInterrupted({ run, runId, db, stages }: RunEnd): string[] {
  const done = stages.filter(({ state }) => state === "done").length;
  return [
    "",
    `${colours.bold(colours.yellow("INTERRUPTED"))} with ${done} of ${stages.length} stages done  ${colours.dim(`run ${run.id}`)}`,
    "",
    "Nothing is lost; go on where it stopped:",
    `  ${commandLine("resume", runId, ...onDb(db))}`,
  ];
}
