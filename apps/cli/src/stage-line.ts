// One stage as one line: icon and word, id, duration, and what it is busy with. Shared by the live display and `show`.
import { cut, formatCost, formatDuration, pad } from "./format.ts";
import type { StageState, StageView } from "./stage-views.ts";
import { colours } from "./terminal.ts";

const looks: Record<StageState, { icon: string; paint: (text: string) => string }> = {
  waiting: { icon: "·", paint: colours.dim },
  "not run": { icon: "·", paint: colours.dim },
  queued: { icon: "○", paint: colours.dim },
  running: { icon: "▶", paint: colours.cyan },
  retrying: { icon: "↻", paint: colours.yellow },
  suspended: { icon: "⏸", paint: colours.yellow },
  done: { icon: "✔", paint: colours.green },
  failed: { icon: "✖", paint: colours.red },
  cancelled: { icon: "⊘", paint: colours.yellow },
  skipped: { icon: "⊘", paint: colours.dim },
};

const stateWidth = "suspended".length;
const durationWidth = "59m 59s".length;

/** How a line is drawn. */
export interface LineOptions {
  /** Columns of the widest stage id. */
  idWidth: number;
  /** Columns the line may take. */
  columns: number;
  now: number;
  /** Icon of a running stage, when it moves. */
  spinner?: string | undefined;
}

/** The stage's line; no wider than `columns`. */
export function formatStageLine(stage: StageView, { idWidth, columns, now, spinner }: LineOptions): string {
  const { icon, paint } = looks[stage.state];
  const state = `${stage.state === "running" ? (spinner ?? icon) : icon} ${stage.state.padEnd(stateWidth)}`;
  const id = cut(stage.stageId, idWidth);
  const duration = stage.durationMs === null ? "" : formatDuration(stage.durationMs);
  const left = 2 + state.length + 2 + idWidth + 2 + durationWidth + 2;
  const remark = cut(remarkOf(stage, now), Math.max(0, columns - left));
  const paintRemark = stage.state === "failed" || stage.state === "retrying" ? paint : colours.dim;
  const isQuiet = stage.state === "waiting" || stage.state === "not run" || stage.state === "skipped";
  const line = `  ${paint(state)}  ${pad(isQuiet ? colours.dim(id) : id, idWidth)}  ${duration.padStart(durationWidth)}`;
  return remark === "" ? line.trimEnd() : `${line}  ${paintRemark(remark)}`;
}

/** The width to give to the ids of these stages. */
export function idWidthOf(stages: readonly StageView[], columns: number): number {
  const widest = Math.max(0, ...stages.map(({ stageId }) => stageId.length));
  return Math.min(widest, Math.max(8, Math.floor(columns / 3)));
}

function remarkOf(stage: StageView, now: number): string {
  const due = stage.dueAt === null ? "" : `again in ${formatDuration(Math.max(0, stage.dueAt.getTime() - now))}`;
  const parts = [
    stage.percent === null ? "" : `${stage.percent}%`,
    due,
    stage.state === "failed" || stage.state === "retrying" ? (stage.error ?? "") : "",
    stage.attempt > 1 || stage.state === "retrying" ? `attempt ${stage.attempt} of ${stage.maxAttempts}` : "",
    stage.cost > 0 ? formatCost(stage.cost) : "",
    stage.message,
  ];
  return parts.filter((part) => part !== "").join(" · ");
}
