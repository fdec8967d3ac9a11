// The states of runs and stages, and the reasons a stage waits. One list, so that rules, stores and readers agree.

/** State of a run or a stage. PENDING waits for its turn; SUSPENDED waits for something outside the engine. */
export type Status = "PENDING" | "RUNNING" | "SUSPENDED" | "COMPLETED" | "FAILED" | "CANCELLED" | "SKIPPED";

/** The statuses that nothing leaves but a rerun. */
export type EndedStatus = "COMPLETED" | "FAILED" | "CANCELLED" | "SKIPPED";

/** Why a stage that is not executing waits. `retry` and `delay` are PENDING; the others are SUSPENDED. */
export type WaitReason = "retry" | "delay" | "caller" | "poll" | "sleep" | "signal" | "budget" | "human";

/** Severity of a log line. */
export type LogLevel = "DEBUG" | "INFO" | "WARN" | "ERROR";

/** What an artifact row holds. */
export type ArtifactType = "STAGE_OUTPUT" | "ARTIFACT" | "METADATA";

/** True for a status that only a rerun leaves. */
export function isEnded(status: Status): status is EndedStatus {
  return status === "COMPLETED" || status === "FAILED" || status === "CANCELLED" || status === "SKIPPED";
}
