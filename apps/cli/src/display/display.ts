// What a run's execution is shown on: live lines on a terminal, appended lines elsewhere, JSON for programs.
import type { OutboxRecord, RunRecord } from "@bratsos/workflow-engine";
import type { StageView } from "../stage-views.ts";

/** A run as far as it is known when the display starts. */
export interface RunHead {
  runId: string;
  workflowId: string;
  /** Path of the database, as the caller named it. */
  db: string;
}

/** How a run ended, or that it was interrupted. */
export interface RunEnd extends RunHead {
  run: RunRecord;
  stages: StageView[];
  /** Large values fetched. */
  output: unknown;
  isInterrupted: boolean;
}

/** Shows one run. */
export interface Display {
  start(head: RunHead): void;
  /** Stages as they are now; called often. */
  update(stages: readonly StageView[]): void;
  /** Each published event, in order. */
  event(event: OutboxRecord): void;
  /** A remark that is no event, e.g. that the command is stopping. */
  note(text: string): void;
  /** The last call: takes live lines away and tells the end. */
  end(end: RunEnd): void;
  /** Instead of `end`, when an error ends the command. */
  close(): void;
}
