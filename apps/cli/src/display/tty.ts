// On a terminal: a line per stage, drawn again in place while the run goes on.
import { clearInterval, setInterval } from "node:timers";
import { formatDuration } from "../format.ts";
import { formatStageLine, idWidthOf } from "../stage-line.ts";
import type { StageView } from "../stage-views.ts";
import { colours, print } from "../terminal.ts";
import type { Display, RunHead } from "./display.ts";
import { LiveLines } from "./live-lines.ts";
import { summarize } from "./summary.ts";

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const frameMs = 100;
/** Lines the display needs beside the stages: the total, and room for the line typed on. */
const otherLines = 4;

/** A display that redraws its lines. */
export function createTtyDisplay(): Display {
  const live = new LiveLines(process.stdout);
  const startedAt = Date.now();
  let stages: readonly StageView[] = [];
  let frame = 0;
  const draw = (): void => {
    const now = Date.now();
    const options = { columns: live.columns - 1, rows: live.rows - otherLines, now, spinner: frames[frame % frames.length] };
    live.draw([...stageLines(stages, options), totalLine(stages, now - startedAt)]);
  };
  const timer = setInterval(() => {
    frame++;
    draw();
  }, frameMs);
  const close = (): void => {
    clearInterval(timer);
    live.end();
  };
  return {
    start: (head) => {
      print(headLine(head), "");
      live.start(process.stdout, process.stderr);
    },
    update: (views) => {
      stages = views;
    },
    event: () => undefined,
    note: (text) => print(colours.yellow(text)),
    end: (end) => {
      stages = end.stages;
      const columns = live.columns - 1;
      live.draw(stageLines(stages, { columns, rows: live.rows - otherLines, now: Date.now(), spinner: undefined }));
      close();
      print(...summarize(end));
    },
    close,
  };
}

/** The stages' lines, at most `rows`: what is done goes first when there is no room, then what has not begun. */
export function stageLines(
  stages: readonly StageView[],
  options: { columns: number; rows: number; now: number; spinner: string | undefined },
): string[] {
  const idWidth = idWidthOf(stages, options.columns);
  const { shown, hiddenDone, hiddenWaiting } = fit(stages, options.rows);
  const lines = shown.map((stage) => formatStageLine(stage, { ...options, idWidth }));
  if (hiddenDone > 0) lines.unshift(colours.dim(`  … ${hiddenDone} done above`));
  if (hiddenWaiting > 0) lines.push(colours.dim(`  … ${hiddenWaiting} more`));
  return lines;
}

function fit(stages: readonly StageView[], rows: number): { shown: readonly StageView[]; hiddenDone: number; hiddenWaiting: number } {
  if (stages.length <= rows) return { shown: stages, hiddenDone: 0, hiddenWaiting: 0 };
  const room = Math.max(1, rows - 2); // the two lines that say what is left out
  const firstOpen = stages.findIndex(({ state }) => state !== "done" && state !== "skipped");
  const start = Math.min(firstOpen === -1 ? stages.length : firstOpen, stages.length - room);
  return { shown: stages.slice(start, start + room), hiddenDone: start, hiddenWaiting: stages.length - start - room };
}

function headLine({ runId, workflowId }: RunHead): string {
  return `${colours.bold(workflowId)}  ${colours.dim(`run ${runId}`)}`;
}

function totalLine(stages: readonly StageView[], elapsedMs: number): string {
  const done = stages.filter(({ state }) => state === "done").length;
  return colours.dim(`  ${done} of ${stages.length} stages done, ${formatDuration(elapsedMs)}`);
}
