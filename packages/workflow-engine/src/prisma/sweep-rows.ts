// Retention on a Prisma client (P22): a bounded number of rows a pass. The last event of a run that is still there leaves a marker
// behind, so that the sequence of the run never begins again.
import type { SweepLimits, SweepResult } from "../ports/store.ts";
import { takeOrphans } from "./attempt-rows.ts";
import type { Row } from "./client.ts";
import { isCompleted, type KeyRecord } from "./key-rows.ts";
import { deliveryModel, jobModel, keyModel, outboxModel, runModel } from "./models.ts";
import { Rows } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

/** Type of the row that keeps a run's last sequence; rows of types that begin so are the engine's own. */
const markerType = "job:swept";

/** Command types of keys that are no command's: recorded batches, calls, budgets, the instant of the last publication. */
const ownKeyTypes = "ai.";

/** Deletes what is older than the limits say. */
export function sweepRows(session: PrismaSession, limits: SweepLimits): Promise<Omit<SweepResult, "runs">> {
  return session.atomically(async (inner) => {
    const { publishedBefore, deadBefore, keysBefore, max } = limits;
    await sweepEvents(inner, { dlqAt: { lt: new Date(deadBefore) } }, max);
    const events = await sweepEvents(inner, { dlqAt: null, publishedAt: { lt: new Date(publishedBefore) } }, max);
    const keys = await sweepKeys(inner, new Date(keysBefore), max);
    await sweepJobs(inner, new Date(keysBefore), max);
    return { events, keys, orphans: await takeOrphans(inner, new Date(publishedBefore), max) };
  });
}

async function sweepEvents(session: PrismaSession, where: Row, max: number): Promise<number> {
  const outbox = session.of(outboxModel);
  const select = { id: true, workflowRunId: true, sequence: true };
  const old = await outbox.findMany({
    where: { ...where, eventType: { not: markerType } },
    orderBy: [{ createdAt: "asc" }],
    take: max,
    select,
  });
  if (old.length === 0) return 0;
  if (session.hasModel(deliveryModel)) await session.of(deliveryModel).deleteMany({ where: { eventId: { in: old.map(({ id }) => id) } } });
  const last = await lastSequences(session, [...new Set(old.map((row) => row["workflowRunId"] as string))]);
  const isLast = (row: Row): boolean => last.get(row["workflowRunId"] as string) === Number(row["sequence"]);
  const idsOf = (rows: Row[]): Row => ({ id: { in: rows.map(({ id }) => id) } });
  await outbox.deleteMany({ where: idsOf(old.filter((row) => !isLast(row))) });
  const marker = { eventType: markerType, payload: {}, publishedAt: session.now(), dlqAt: null };
  await outbox.updateMany({ where: idsOf(old.filter(isLast)), data: marker });
  return old.length;
}

/** The last sequence of each of these runs that is still there. */
async function lastSequences(session: PrismaSession, runIds: string[]): Promise<Map<string, number>> {
  const runs = await session.of(runModel).findMany({ where: { id: { in: runIds } }, select: { id: true } });
  const where = { workflowRunId: { in: runs.map(({ id }) => id) } };
  const groups = await session.of(outboxModel).groupBy({ by: ["workflowRunId"], where, _max: { sequence: true } });
  return new Map(groups.map((group) => [group["workflowRunId"] as string, Number((group["_max"] as Row)["sequence"])]));
}

async function sweepKeys(session: PrismaSession, before: Date, max: number): Promise<number> {
  const rows = new Rows<KeyRecord>(session, keyModel);
  const where = { createdAt: { lt: before }, NOT: { commandType: { startsWith: ownKeyTypes } } };
  const old = await rows.list({ where, orderBy: [{ createdAt: "asc" }], take: max });
  // a key whose owner died long ago holds nothing any more
  const going = old.filter((key) => (isCompleted(key) ? (key.completedAt ?? key.createdAt) : key.heldUntil!) < before);
  return going.length === 0 ? 0 : rows.delete({ id: { in: going.map(({ id }) => id) } });
}

async function sweepJobs(session: PrismaSession, before: Date, max: number): Promise<void> {
  if (!session.hasModel(jobModel)) return;
  const jobs = session.of(jobModel);
  const where = { status: { in: ["COMPLETED", "FAILED", "CANCELLED", "SKIPPED"] }, updatedAt: { lt: before } };
  const old = await jobs.findMany({ where, take: max, select: { id: true } });
  if (old.length > 0) await jobs.deleteMany({ where: { id: { in: old.map(({ id }) => id) } } });
}
