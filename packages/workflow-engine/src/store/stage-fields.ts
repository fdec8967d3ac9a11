// What setting the public fields of a stage means for its narrow state; the same for every store of ours.
import type { StageFields } from "../ports/stage.ts";
import { isEnded } from "../ports/status.ts";
import type { StageState } from "../ports/store.ts";

/** The narrow state of a stage after fields were set through the CRUD port; undefined leaves as is, null clears. */
export function stateAfter(old: Readonly<StageState>, input: StageFields, newId: () => string): StageState {
  const keep = <T>(value: T | undefined, before: T): T => (value === undefined ? before : value);
  const status = input.status ?? old.status;
  // one public field for two waits: a time given in one status goes on in the next
  const waitsUntil = keep(instantOf(input.nextPollAt), old.status === "PENDING" ? old.readyAt : old.pollAt);
  const isBack = status === "PENDING" && old.status !== "PENDING";
  return {
    ...old,
    status,
    name: input.stageName ?? old.name,
    number: input.stageNumber ?? old.number,
    group: input.executionGroup ?? old.group,
    attempt: input.attempt ?? old.attempt,
    executionId: isBack ? newId() : old.executionId,
    lease: isBack || isEnded(status) || status === "SUSPENDED" ? null : old.lease,
    waitReason: status === "SUSPENDED" ? (old.waitReason ?? "poll") : null,
    readyAt: status === "PENDING" ? waitsUntil : null,
    pollAt: status === "PENDING" ? null : waitsUntil,
    pollIntervalMs: keep(input.pollInterval, old.pollIntervalMs),
    maxWaitUntil: keep(instantOf(input.maxWaitUntil), old.maxWaitUntil),
    startedAt: keep(instantOf(input.startedAt), old.startedAt),
    completedAt: keep(instantOf(input.completedAt), old.completedAt),
    error: keep(input.errorMessage, old.error),
  };
}

function instantOf(date: Date | null | undefined): number | null | undefined {
  return date === undefined || date === null ? date : date.getTime();
}
