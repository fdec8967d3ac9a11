// Finds what nobody will move any more (P17): PENDING stages of RUNNING runs that lost their job, or never had one. Looked for in runs
// that have not moved for a while, so that a pass reads no stage of those that do.
import type { Batch } from "./batch.ts";
import type { Session } from "./db.ts";
import { forOne, forRows } from "./dialect.ts";
import { touchRuns } from "./tables/run-writes.ts";
import { lockRuns } from "./tables/runs.ts";
import { updateStageRow, updateStages } from "./tables/stage-writes.ts";
import { ofRunningRun, readStageState, stageStateColumns } from "./tables/stages.ts";

// one that waits for its caller stays
const isLost =
  "s.status = 'PENDING' AND s.ready_at IS NULL AND s.instance_id IS NULL AND (s.wait_reason IS NULL OR s.wait_reason <> 'caller')";

const findLostRuns = forOne("find_lost_runs", { before: "int", max: "limit" }, (p) => {
  return `SELECT r.id FROM runs r WHERE r.status = 'RUNNING' AND r.updated_at <= ${p.before} AND r.open > r.suspended AND EXISTS (
      SELECT 1 FROM stages s WHERE s.run_id = r.id AND ${isLost} AND s.updated_at <= ${p.before}) LIMIT ${p.max}`;
});
const loadLost = forRows("load_lost_stages", { run_id: "text", before: "int" }, (u, { join, dialect }) => {
  return `SELECT ${stageStateColumns} FROM ${join} stages s ${ofRunningRun(dialect)}
    WHERE s.run_id = ${u.run_id} AND ${isLost} AND s.updated_at <= ${u.before}`;
});

/** Runs that have such stages and have not moved since an instant. */
export async function listLostRuns(session: Session, before: number, max: number): Promise<string[]> {
  return (await session.read(findLostRuns, [[before, max]])).map(([id]) => id as string);
}

/** Queues the stages of these runs that are still lost. */
export async function requeueLost(batch: Batch, runIds: readonly string[], before: number): Promise<void> {
  const { session, now, signal } = batch;
  batch.forget(runIds);
  const ids = [...runIds].sort();
  await session.read(
    lockRuns,
    ids.map((id) => [id]),
  );
  const lost = await session.read(
    loadLost,
    ids.map((id) => [id, before]),
  );
  if (lost.length === 0) return;
  const queued = lost.map((row) => ({ ...readStageState(row), readyAt: now, waitReason: null }));
  await session.write(
    updateStages,
    queued.map((state) => updateStageRow(state, {}, 1, now)),
  );
  await session.write(
    touchRuns,
    [...new Set(queued.map(({ runId }) => runId))].map((id) => [id, 0, now]),
  );
  signal.sawWait(now);
}
