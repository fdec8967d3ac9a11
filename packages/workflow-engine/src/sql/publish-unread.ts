// Publishes what nobody reads: a kernel without consumers has its events numbered and timed, and no process fetches them (P18). One row
// says it for all of them, whether ids are in the order of commits or a snapshot tells what is there.
import type { Batch } from "./batch.ts";
import type { Session } from "./db.ts";
import { FLUSHER, freeFlusher, lockFlusher } from "./flusher-lease.ts";
import { closeRange, publishFresh, publishRest } from "./ranges.ts";
import { followServer } from "./server-change.ts";
import { loadLease } from "./tables/instances.ts";
import { findFresh, publishInOrder } from "./tables/publications.ts";

/** Publishes everything unread; null where rows have to be looked at. */
export async function publishUnread({ session, now }: Batch): Promise<number | null> {
  if (session.isJoined) return null;
  if (!session.dialect.commitsInOrder) return publishSeen(session, now);
  const parameters = [[FLUSHER, now]];
  // what is sent at once travels with the question
  const asked = session.readLast?.(findFresh, parameters) ?? session.read(findFresh, parameters);
  const [[row]] = await Promise.all([asked, session.send(publishInOrder, parameters)]);
  const [isTaken, isWaiting, count] = row as [number, number, number];
  if (isTaken) return 0;
  return isWaiting ? null : count;
}

async function publishSeen(session: Session, now: number): Promise<number | null> {
  // a statement of its own, on the same trip: whoever waits here for another publisher sees afterwards what that one has published
  await session.send(loadLease, [[FLUSHER]]);
  const parameters = [[FLUSHER, now]];
  let [row] = await (session.readLast?.(publishFresh, parameters) ?? session.read(publishFresh, parameters));
  let all = 0;
  for (; ; [row] = await session.read(publishFresh, parameters)) {
    const [until, singly, isStuck, count] = row as [number | null, number, number, number];
    all += count;
    if (until !== null && (!isStuck || singly || now < until)) return singly ? null : all;
    // the first one ever, or somebody stopped half-way
    if (now < (await lockFlusher(session)).until) return all;
    if (!isStuck) continue;
    await followServer(session);
    await freeFlusher(session);
    const [rest] = await session.read(publishRest, [[now]]);
    await session.write(closeRange, [[]]);
    all += Number(rest![0]);
  }
}
