// What a terminal shows: a screen made of rows checks where the lines end up, not which codes were written.
import { expect, test } from "vitest";
import type { StageState, StageView } from "../stage-views.ts";
import { LiveLines } from "./live-lines.ts";
import { stageLines } from "./tty.ts";

const esc = String.fromCharCode(27);
const pieces = new RegExp(`${esc}\\[\\??\\d*[a-zA-Z]|[^${esc}]`, "g");

/** As much of a terminal as the live lines use: newline, return, cursor up, erase line and below. */
class FakeScreen {
  readonly lines: string[] = [""];
  columns = 60;
  rows = 10;
  #row = 0;
  #column = 0;

  write(text: string): boolean {
    for (const [part] of text.matchAll(pieces)) this.#one(part);
    return true;
  }

  #one(part: string): void {
    if (part === "\n") {
      this.#row++;
      this.#column = 0;
      this.lines[this.#row] ??= "";
    } else if (part === "\r") this.#column = 0;
    else if (part.endsWith("A")) this.#row -= Number(part.slice(2, -1));
    else if (part === "\u001b[K") this.lines[this.#row] = (this.lines[this.#row] ?? "").slice(0, this.#column);
    else if (part === "\u001b[J") {
      this.lines[this.#row] = (this.lines[this.#row] ?? "").slice(0, this.#column);
      this.lines.length = this.#row + 1;
    } else if (!part.startsWith("\u001b")) {
      const line = (this.lines[this.#row] ?? "").padEnd(this.#column);
      this.lines[this.#row] = line.slice(0, this.#column) + part + line.slice(this.#column + 1);
      this.#column++;
    }
  }
}

function stage(stageId: string, state: StageState, more: Partial<StageView> = {}): StageView {
  const none = { durationMs: null, percent: null, message: "", cost: 0, error: null, dueAt: null };
  return { stageId, state, attempt: 1, maxAttempts: 3, ...none, ...more };
}

const wide = { columns: 100, rows: 20, now: 1_000, spinner: "*" };

test("lines are drawn over the ones before, shorter ones and fewer of them included", () => {
  const screen = new FakeScreen();
  const live = new LiveLines(screen);
  live.draw(["first, quite long", "second", "third"]);
  live.draw(["1st", "2nd"]);
  expect(screen.lines).toEqual(["1st", "2nd", ""]);
});

test("what others write goes above the lines, a missing newline added", () => {
  const screen = new FakeScreen();
  const live = new LiveLines(screen);
  live.start(screen as unknown as NodeJS.WriteStream);
  live.draw(["one", "two"]);
  screen.write("a word of the workflow's own\n");
  screen.write("and half a line");
  live.draw(["uno", "due"]);
  live.end();
  screen.write("after");
  expect(screen.lines).toEqual(["a word of the workflow's own", "and half a line", "uno", "due", "after"]);
});

test("a line tells state, id, duration and what the stage is busy with", () => {
  const lines = stageLines(
    [
      stage("extract", "done", { durationMs: 1_240 }),
      stage("keywords", "running", { durationMs: 800, percent: 45, message: "ranking phrases", attempt: 2 }),
      stage("summary", "retrying", { error: "no answer", dueAt: new Date(3_000) }),
      stage("batch", "suspended", { durationMs: 61_000, dueAt: new Date(31_000), cost: 0.0042 }),
      stage("report", "waiting"),
    ],
    wide,
  );
  expect(lines).toEqual([
    "  ✔ done       extract      1.2s",
    "  * running    keywords    800ms  45% · attempt 2 of 3 · ranking phrases",
    "  ↻ retrying   summary            again in 2.0s · no answer · attempt 1 of 3",
    "  ⏸ suspended  batch      1m 01s  again in 30.0s · $0.0042",
    "  · waiting    report",
  ]);
});

test("no line is wider than the terminal", () => {
  const busy = stage("a-stage-with-quite-a-long-name", "running", { durationMs: 5, percent: 1, message: "m".repeat(200) });
  for (const columns of [20, 40, 80])
    for (const line of stageLines([busy], { ...wide, columns })) expect(line.length).toBeLessThanOrEqual(Math.max(columns, 40));
});

test("a terminal with few rows shows the stages that are under way and counts the others", () => {
  const stages = Array.from({ length: 30 }, (_, index) => stage(`s${index}`, index < 10 ? "done" : index === 10 ? "running" : "waiting"));
  const lines = stageLines(stages, { ...wide, rows: 6 });
  expect(lines).toHaveLength(6);
  expect(lines[0]).toBe("  … 10 done above");
  expect(lines[1]).toContain("* running    s10");
  expect(lines.at(-1)).toBe("  … 16 more");
});
