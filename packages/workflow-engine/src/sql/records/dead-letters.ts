// Events that a consumer will not get again by itself: deliveries given up, and events given up for the sink as a whole.
import type { DeadLetterRecord } from "../../ports/reader.ts";
import type { Row, Session } from "../db.ts";
import { forOne } from "../dialect.ts";
import { readRows, toRecords } from "./outbox-records.ts";

/** The consumer that dead letters of the CRUD port belong to: the sink as a whole. */
const DEFAULT_CONSUMER = "sink";

/** Dead letters, the longest dead first, after a place in that order. */
export const listDeadAfter = forOne("list_dead_after", { at: "int", id: "text", max: "limit" }, (p, dialect) => {
  const id = `consumer || ' ' || CAST(outbox_id AS TEXT) || '.' || CAST(idx AS TEXT)`;
  const ordered = dialect.name === "sqlite" ? id : `(${id}) COLLATE "C"`;
  return `SELECT outbox_id, idx, consumer, tries, dead_at, error FROM (
      SELECT d.outbox_id, d.idx, d.consumer, d.tries, d.dead_at, d.error FROM deliveries d WHERE d.dead_at IS NOT NULL
      UNION ALL
      SELECT m.outbox_id, m.idx, '${DEFAULT_CONSUMER}', m.tries, m.dead_at, NULL FROM event_marks m WHERE m.dead_at IS NOT NULL
    ) AS letters WHERE dead_at > ${p.at} OR (dead_at = ${p.at} AND ${ordered} > ${p.id})
    ORDER BY dead_at, ${ordered} LIMIT ${p.max}`;
});

/** Where a letter stands among those of one instant. */
export function letterId({ consumer, event }: DeadLetterRecord): string {
  return `${consumer} ${event.id}`;
}

/** Rows of `listDeadAfter` as records. */
export async function toDeadLetters(session: Session, rows: readonly Row[]): Promise<DeadLetterRecord[]> {
  const ids = [...new Set(rows.map(([id]) => id as number))];
  const events = new Map((await toRecords(session, await readRows(session, ids))).map((event) => [event.id, event]));
  return rows.flatMap(([outboxId, index, consumer, tries, dead, error]) => {
    const event = events.get(`${outboxId}.${index}`);
    if (!event) return [];
    const deadAt = new Date(dead as number);
    const letter = { event: { ...event, retryCount: tries as number, dlqAt: deadAt }, tries: tries as number, deadAt };
    return [{ consumer: consumer as string, ...letter, error: error as string | null }];
  });
}
