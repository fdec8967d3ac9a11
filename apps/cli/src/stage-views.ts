// A run's stages as a display shows them: the plan gives those that have no row yet, the rows what became of the others.
import type { RunDetail, StageDetail, WorkflowPlan } from "@bratsos/workflow-engine";
import { endedStatuses } from "./run-follower.ts";

/** What a stage is doing, in the word people read. */
export type StageState =
  | "waiting"
  | "not run"
  | "queued"
  | "running"
  | "retrying"
  | "suspended"
  | "done"
  | "failed"
  | "cancelled"
  | "skipped";

/** One stage to show. */
export interface StageView {
  stageId: string;
  state: StageState;
  attempt: number;
  maxAttempts: number;
  /** Milliseconds, up to now while it runs; null before it starts. */
  durationMs: number | null;
  /** 0 to 100; null when the stage told none. */
  percent: number | null;
  message: string;
  /** US dollars. */
  cost: number;
  error: string | null;
  /** When a waiting stage is looked at again. */
  dueAt: Date | null;
}

/** One view per stage, in the order of the workflow. */
export function viewStages(detail: RunDetail | null, plan: WorkflowPlan | null, now: number): StageView[] {
  const rows = [...(detail?.stages ?? [])].sort((a, b) => a.stageNumber - b.stageNumber || a.item - b.item);
  const known = new Set(rows.map((row) => row.stageId));
  const untouched = detail && endedStatuses.has(detail.run.status) ? "not run" : "waiting";
  const missing = plan?.stages.filter(({ stageId }) => !known.has(stageId)) ?? [];
  const placed = [
    ...rows.map((row) => ({ number: row.stageNumber, view: viewStage(row, now) })),
    ...missing.map(({ stageNumber, stageId }) => ({ number: stageNumber, view: untouchedStage(stageId, untouched) })),
  ];
  return placed.sort((a, b) => a.number - b.number).map(({ view }) => view);
}

/** Progress as 0 to 100: up to 1 it is told as a fraction, above that as percent. */
export function toPercent(progress: number): number {
  const percent = progress <= 1 ? progress * 100 : progress;
  return Math.round(Math.min(100, Math.max(0, percent)));
}

/** What a stage's row says it is doing. */
export function stateOf({ status, waitReason, attempt }: Pick<StageDetail, "status" | "waitReason" | "attempt">): StageState {
  switch (status) {
    case "PENDING":
      return waitReason === "retry" || (waitReason === "caller" && attempt > 0) ? "retrying" : "queued";
    case "RUNNING":
      return "running";
    case "SUSPENDED":
      return "suspended";
    case "COMPLETED":
      return "done";
    case "FAILED":
      return "failed";
    case "CANCELLED":
      return "cancelled";
    case "SKIPPED":
      return "skipped";
  }
}

function viewStage(row: StageDetail, now: number): StageView {
  const state = stateOf(row);
  const isLive = state === "running" || state === "suspended";
  const cost = row.metrics?.["totalCost"];
  return {
    stageId: row.item === 0 ? row.stageId : `${row.stageId} [${row.item}]`,
    state,
    attempt: row.attempt,
    maxAttempts: row.maxAttempts,
    durationMs: row.duration ?? (isLive && row.startedAt ? now - row.startedAt.getTime() : null),
    percent: isLive && row.progress ? toPercent(row.progress.progress) : null,
    message: isLive ? (row.progress?.message ?? "") : "",
    cost: typeof cost === "number" ? cost : 0,
    error: row.errorMessage,
    dueAt: state === "retrying" || state === "suspended" ? row.nextPollAt : null,
  };
}

function untouchedStage(stageId: string, state: "waiting" | "not run"): StageView {
  const none = { durationMs: null, percent: null, error: null, dueAt: null };
  return { stageId, state, attempt: 0, maxAttempts: 0, message: "", cost: 0, ...none };
}
