// Events of the CRUD port on a Prisma client (P18). The sequence of a run grows under the run's lock.
import type { CreateOutboxEventInput, OutboxRecord } from "../ports/outbox.ts";
import type { Row } from "./client.ts";
import { outboxModel, runModel } from "./models.ts";
import { nextPublication } from "./publication.ts";
import { Rows } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

const byAge: Row[] = [{ createdAt: "asc" }, { id: "asc" }];

/** Appends events, each with the next sequence of its run. */
export async function appendEvents(session: PrismaSession, events: readonly CreateOutboxEventInput[]): Promise<void> {
  if (events.length === 0) return;
  await session.atomically(async (inner) => {
    const last = new Map<string, number>();
    // in the order of ids, so that two that append for the same runs never wait for each other
    for (const runId of [...new Set(events.map((event) => event.workflowRunId))].sort()) last.set(runId, await lastSequence(inner, runId));
    const createdAt = inner.now();
    const records = events.map((event) => {
      const sequence = last.get(event.workflowRunId)! + 1;
      last.set(event.workflowRunId, sequence);
      return { ...event, id: inner.newId(), createdAt, sequence, retryCount: 0 };
    });
    await new Rows<OutboxRecord>(inner, outboxModel).createAll(records);
  });
}

async function lastSequence(session: PrismaSession, runId: string): Promise<number> {
  await session.lock(runModel, runId);
  const found = await session.of(outboxModel).findMany({
    where: { workflowRunId: runId },
    orderBy: [{ sequence: "desc" }],
    take: 1,
    select: { sequence: true },
  });
  return Number(found[0]?.["sequence"] ?? 0);
}

/** Events neither published nor dead, oldest first. */
export function listUnpublished(session: PrismaSession, limit: number): Promise<OutboxRecord[]> {
  const query = { where: { publishedAt: null, dlqAt: null }, orderBy: byAge, take: limit };
  return session.step((inner) => new Rows<OutboxRecord>(inner, outboxModel).list(query));
}

/** Marks events published that are not yet. */
export async function markPublished(session: PrismaSession, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const where = { id: { in: [...ids] }, publishedAt: null };
  await session.atomically(async (inner) => {
    const publishedAt = await nextPublication(inner);
    await new Rows<OutboxRecord>(inner, outboxModel).set(where, { publishedAt });
  });
}

/** Counts a try of an event; answers how many there were, 0 when there is no such event. */
export function countTry(session: PrismaSession, id: string): Promise<number> {
  return session.atomically(async (inner) => {
    const rows = new Rows<OutboxRecord>(inner, outboxModel);
    await rows.add({ id }, "retryCount", 1);
    return (await rows.find({ id }))?.retryCount ?? 0;
  });
}

export async function moveToDeadLetters(session: PrismaSession, id: string): Promise<void> {
  await session.step((inner) => new Rows<OutboxRecord>(inner, outboxModel).set({ id }, { dlqAt: inner.now() }));
}

/** Makes the oldest dead letters deliverable again, with fresh tries; answers how many. */
export function replayDead(session: PrismaSession, max: number): Promise<number> {
  return session.atomically(async (inner) => {
    const rows = new Rows<OutboxRecord>(inner, outboxModel);
    const dead = await rows.list({ where: { dlqAt: { not: null } }, orderBy: byAge, take: max });
    if (dead.length === 0) return 0;
    return rows.set({ id: { in: dead.map(({ id }) => id) }, dlqAt: { not: null } }, { dlqAt: null, retryCount: 0 });
  });
}
