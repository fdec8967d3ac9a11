// Writes what a batch has decided: one statement a table, whatever the number of runs. The order is that of `Changes`, and for
// PostgreSQL that of all who write: runs, stages, what hangs on them, events. Runs that are there come first: to change them locks them.
import type { Lease } from "../ports/store.ts";
import type { Row, Session, Statement } from "./db.ts";
import type { RunDraft } from "./draft.ts";
import { ensureBudgetRow, ensureBudgets, insertBudgetRow, insertBudgets, raiseBudgetRow, raiseBudgets } from "./tables/budgets.ts";
import { deleteRuns } from "./tables/deletion.ts";
import { insertAttemptRow, insertAttempts, insertLogRow, insertLogs, saveArtifactRow, saveArtifacts } from "./tables/history.ts";
import { ensureInstances } from "./tables/instances.ts";
import { insertOutbox } from "./tables/outbox.ts";
import {
  checkRunRow,
  checkRuns,
  countEvents,
  insertRunRow,
  insertRuns,
  isMove,
  moveRunRow,
  moveRuns,
  updateRunRow,
  updateRuns,
  updateStagePriorities,
} from "./tables/run-writes.ts";
import {
  dropStages,
  endOpenStages,
  endStageRow,
  endStages,
  insertNewStageRow,
  insertNewStages,
  insertStageRow,
  insertStages,
  isEnd,
  isNew,
  updateStageRow,
  updateStages,
} from "./tables/stage-writes.ts";

/**
 * Writes these drafts and leaves them clean. A run that is unchecked is checked by the statement that changes it; where any is not changed,
 * all are before, which is one more statement, but still one order of locks.
 */
export async function flushDrafts(session: Session, drafts: readonly RunDraft[], now: number, newId: () => string): Promise<void> {
  const writes = new Writes();
  if (drafts.some(isKept)) for (const draft of drafts) if (draft.isUnchecked) writes.add(checkRuns, checkRunRow(draft));
  for (const draft of drafts) {
    gatherRun(writes, draft, now);
    gatherStages(writes, draft, now);
    gatherRest(writes, draft, now, newId);
  }
  await writes.run(session, now);
  const deleted = drafts.filter((draft) => draft.isDeleted);
  if (deleted.length > 0) {
    await deleteRuns(
      session,
      deleted.map((draft) => draft.runId),
    );
  }
  for (const draft of drafts) draft.settleWrites();
  for (const draft of deleted) {
    draft.run = draft.written = null;
    draft.eventCount = 0;
    draft.stages.clear();
  }
}

/** True for an unchecked run that stays as it is. */
function isKept({ isUnchecked, isRunChanged }: RunDraft): boolean {
  return isUnchecked && !isRunChanged;
}

const writeOrder: readonly Statement[] = [
  checkRuns,
  moveRuns,
  updateRuns,
  insertRuns,
  insertAttempts,
  endOpenStages,
  dropStages,
  endStages,
  updateStages,
  insertNewStages,
  insertStages,
  countEvents,
  updateStagePriorities,
  insertBudgets,
  ensureBudgets,
  raiseBudgets,
  ensureInstances,
  insertLogs,
  saveArtifacts,
  insertOutbox,
];

/** Parameter rows by statement. */
class Writes {
  readonly #rows = new Map<Statement, Row[]>();
  readonly #instances = new Set<string>();
  readonly #moving: RunDraft[] = [];

  add(statement: Statement, row: Row): void {
    const rows = this.#rows.get(statement);
    if (rows) rows.push(row);
    else this.#rows.set(statement, [row]);
  }

  /** Makes sure that the holder of a lease is known, once a holder. */
  addInstance({ instanceId, workerId, lockedAt }: Lease): void {
    if (this.#instances.has(instanceId)) return;
    this.#instances.add(instanceId);
    this.add(ensureInstances, [instanceId, workerId, lockedAt]);
  }

  /** Moves a run on; where many rows are one statement, with those of which more changes. */
  addMove(draft: RunDraft): void {
    this.#moving.push(draft);
  }

  async run(session: Session, now: number): Promise<void> {
    const isOne = session.dialect.takesArrays && this.#rows.has(updateRuns);
    for (const draft of this.#moving) {
      if (isOne) this.add(updateRuns, updateRunRow(draft, now));
      else this.add(moveRuns, moveRunRow(draft, now));
    }
    for (const statement of writeOrder) {
      const rows = this.#rows.get(statement);
      if (!rows) continue;
      if (session.dialect.locksRows && statement.isCheck) rows.sort(byId);
      await session.send(statement, rows);
    }
  }
}

/** Everybody locks runs in the order of their ids, so nobody waits in a circle. */
export function byId([one]: Row, [other]: Row): number {
  return one! < other! ? -1 : 1;
}

function gatherRun(writes: Writes, draft: RunDraft, now: number): void {
  const { run, created, written } = draft;
  if (!run) return;
  const eventCount = draft.eventCount + draft.events.length;
  if (created) writes.add(insertRuns, insertRunRow(run, created, draft.output ?? null, eventCount, now));
  else if (draft.isRunChanged && draft.output === undefined && written && isMove(written, run)) writes.addMove(draft);
  else if (draft.isRunChanged) writes.add(updateRuns, updateRunRow(draft, now));
  else if (draft.events.length > 0) writes.add(countEvents, [run.id, eventCount]);
  if (draft.isPriorityChanged) writes.add(updateStagePriorities, [run.id, run.priority]);
  if (created?.budget) writes.add(insertBudgets, insertBudgetRow(run.id, created.budget));
  for (const raise of draft.raises) {
    if (raise.declared && raise.stageId !== null) writes.add(ensureBudgets, ensureBudgetRow(run.id, raise.stageId, raise.declared));
    writes.add(raiseBudgets, raiseBudgetRow(run.id, raise));
  }
}

function gatherStages(writes: Writes, draft: RunDraft, now: number): void {
  const { runId, run } = draft;
  let holder: string | undefined;
  if (draft.endOpen) writes.add(endOpenStages, [runId, draft.endOpen, now]);
  if (draft.dropFrom !== null) writes.add(dropStages, [runId, draft.dropFrom]);
  for (const { state, written, changes, payloads } of draft.stages.values()) {
    if (!written && isNew(state, payloads)) writes.add(insertNewStages, insertNewStageRow(state, run?.priority ?? 0, now));
    else if (!written) writes.add(insertStages, insertStageRow(state, payloads, run?.priority ?? 0, now));
    else if (changes === 1 && isEnd(written, state, payloads)) {
      writes.add(endStages, endStageRow(state, payloads, now));
      // the lease of one that has ended is on record only
      continue;
    } else if (changes > 0) writes.add(updateStages, updateStageRow(state, payloads, changes, now));
    else continue;
    if (state.lease && state.lease.instanceId !== (holder ??= holderOf(draft))) writes.addInstance(state.lease);
  }
}

/** Who holds something of this run until this commit, if anybody: nobody forgets it meanwhile. */
function holderOf(draft: RunDraft): string {
  for (const { written } of draft.stages.values()) if (written?.status === "RUNNING" && written.lease) return written.lease.instanceId;
  return "";
}

function gatherRest(writes: Writes, draft: RunDraft, now: number, newId: () => string): void {
  const { runId, attempts, logs, artifacts, events } = draft;
  for (const attempt of attempts) writes.add(insertAttempts, insertAttemptRow(runId, attempt));
  for (const log of logs) writes.add(insertLogs, insertLogRow(runId, log));
  // of two under one key the last one counts, also where both are one statement
  const byKey = new Map(artifacts.map((artifact) => [artifact.key, artifact]));
  for (const artifact of byKey.values()) writes.add(saveArtifacts, saveArtifactRow(runId, artifact, newId(), now));
  if (events.length === 0) return;
  writes.add(insertOutbox, [runId, now, `[${events.join(",")}]`, events.length, draft.eventCount + 1]);
}
