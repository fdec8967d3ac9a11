// When rows are published, where ids say nothing about the order of commits: later than everything published before, so that the times
// alone put publications in the order in which they were committed. Whoever asks has locked the lease of the outbox.
import type { Session } from "./db.ts";
import { lastPublishedAt } from "./tables/publications.ts";

/** The instant to publish rows at; `now` where rows are in the order of their ids. */
export async function publicationTime(session: Session, now: number): Promise<number> {
  if (session.dialect.commitsInOrder) return now;
  const [row] = await session.read(lastPublishedAt, [[]]);
  return Math.max(now, Number(row?.[0] ?? 0) + 1);
}
