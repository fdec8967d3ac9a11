// Retention (P22): what has served its time goes, a bounded number of rows a pass, by id and never by range, so that nothing goes
// that somebody has not looked at.
import { isEnded } from "../ports/status.ts";
import type { SweepLimits, SweepResult } from "../ports/store.ts";
import type { Row, Session, Statement } from "./db.ts";
import { lockFlusher } from "./flusher-lease.ts";
import { deleteRanges } from "./ranges.ts";
import { deleteRuns } from "./tables/deletion.ts";
import { deleteDeliveries, deleteMarks, listOldDead } from "./tables/deliveries.ts";
import { listLostAttempts, markSwept } from "./tables/history.ts";
import { deleteKeys, listOldKeys, loadKeys } from "./tables/keys.ts";
import { deleteOutbox, findLastRow, findRowFrom, listOldDeadRows, listOldPublished } from "./tables/outbox.ts";
import { deletePublications } from "./tables/publications.ts";
import { listOldRuns } from "./tables/run-pages.ts";
import { lockRuns, readRunState } from "./tables/runs.ts";
import { readExecutionRef } from "./tables/stages.ts";
import { readKeyRow } from "./unit-keys.ts";

/** Deletes what is older than the limits say. */
export async function sweep(session: Session, limits: SweepLimits): Promise<SweepResult> {
  await sweepDeadLetters(session, limits);
  const events = await sweepEvents(session, limits);
  const keys = await sweepKeys(session, limits);
  const orphans = await sweepOrphans(session, limits);
  return { events, keys, orphans, runs: await sweepRuns(session, limits) };
}

async function sweepDeadLetters(session: Session, { deadBefore, max }: SweepLimits): Promise<void> {
  const list = (statement: Statement): Promise<Row[]> => session.read(statement, [[deadBefore, max]]);
  if ((await list(listOldDead)).length === 0 && (await list(listOldDeadRows)).length === 0) return;
  // whoever makes them deliverable again has this: what is still dead then stays so
  await lockFlusher(session);
  await session.write(deleteDeliveries, await list(listOldDead));
  const given = await list(listOldDeadRows);
  await session.write(deleteMarks, given);
  await session.write(deleteOutbox, given);
}

async function sweepEvents(session: Session, { publishedBefore, max }: SweepLimits): Promise<number> {
  const last = await lastRowBefore(session, publishedBefore);
  if (!session.dialect.commitsInOrder) await session.write(deleteRanges, [[publishedBefore, max]]);
  if (last === null) return 0;
  const rows = await session.read(listOldPublished, [[last, publishedBefore, max]]);
  const ids = rows.map((row): Row => [row[0]!]);
  await session.write(deleteMarks, ids);
  await session.write(deleteOutbox, ids);
  if (ids.length > 0 && session.dialect.commitsInOrder) await session.write(deletePublications, [[]]);
  return rows.reduce((sum, row) => sum + (row[1] as number), 0);
}

/** The last row that can have been published before an instant: ids follow time, so it is found by halving, without an index. */
async function lastRowBefore(session: Session, before: number): Promise<number | null> {
  let low = 0;
  const [newest] = await session.read(findLastRow, [[]]);
  let high = (newest?.[0] as number | null | undefined) ?? 0;
  while (low < high) {
    const middle = Math.floor((low + high + 1) / 2);
    const [row] = await session.read(findRowFrom, [[middle]]);
    if (row && (row[1] as number) < before) low = Math.max(middle, Math.min(row[0] as number, high));
    else high = middle - 1;
  }
  return low > 0 ? low : null;
}

async function sweepKeys(session: Session, { keysBefore, max }: SweepLimits): Promise<number> {
  // locked, and looked at again: whoever has taken one since holds it
  const found = (await session.read(loadKeys, await session.read(listOldKeys, [[keysBefore, max]]))).map(readKeyRow);
  const old = found.filter(({ completedAt, heldUntil }) => (completedAt ?? heldUntil) < keysBefore);
  await session.write(
    deleteKeys,
    old.map(({ key, command }): Row => [key, command]),
  );
  return old.length;
}

async function sweepOrphans(session: Session, { publishedBefore, max }: SweepLimits): Promise<SweepResult["orphans"]> {
  const lost = await session.read(listLostAttempts, [[publishedBefore, max]]);
  await session.write(
    markSwept,
    lost.map((row) => row.slice(0, 4)),
  );
  return lost.map((row) => ({ ...readExecutionRef(row), workflowId: row[4] as string }));
}

async function sweepRuns(session: Session, { endedRunsBefore, max }: SweepLimits): Promise<SweepResult["runs"]> {
  if (endedRunsBefore === null) return [];
  const ids = (await session.read(listOldRuns, [[endedRunsBefore, max]])).map(([id]): Row => [id!]);
  // locked, and looked at again: whoever has rerun one since has brought it back to life
  const found = (await session.read(lockRuns, ids)).map(readRunState);
  const old = found.filter(({ status, completedAt }) => isEnded(status) && completedAt !== null && completedAt < endedRunsBefore);
  const runs = old.map(({ id, workflowId }) => ({ runId: id, workflowId }));
  if (runs.length > 0) {
    await deleteRuns(
      session,
      runs.map(({ runId }) => runId),
    );
  }
  return runs;
}
