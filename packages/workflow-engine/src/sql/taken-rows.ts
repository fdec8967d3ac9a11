// What a publisher took and what its snapshot saw, until it says that it is published: in one row, if nobody has come in between (P18).
import type { Row, Session } from "./db.ts";
import { insertRange, markOld } from "./ranges.ts";
import { insertPublication, oldTransaction } from "./tables/publications.ts";

/** What a publisher's statement saw, on PostgreSQL. */
export interface Seen {
  /** The last publication: when it was, the end of what it saw, what was open then, and up to which row there is more of it. */
  readonly at: number;
  /** The end of what had been seen before the rows that are taken. */
  readonly from: number;
  readonly until: number;
  readonly open: readonly number[];
  readonly top: number;
  /** True while there is more of it: that comes first. */
  readonly isRest: boolean;
  readonly seenUntil: number;
  readonly seenOpen: readonly number[];
  /** The newest row. */
  readonly newest: number;
}

/** Rows that a process took last, so that they are known as whole when they come back; without it each event is looked up. */
export class TakenRows {
  token: string | null = null;
  /** Events by row, of rows of which no event has a mark. */
  counts = new Map<string, number>();
  firstId = 0;
  /** Everything up to this row that is unpublished and not given up was taken. */
  lastId = 0;
  /** True when there was nothing behind the last row. */
  isAll = false;
  /** Rows whose transaction was open for long. */
  old: number[] = [];
  /** Events that have a mark. */
  marked = new Set<string>();
  seen: Seen | null;

  constructor(seen: Seen | null) {
    this.seen = seen;
  }

  /** True when the transactions are those of another server. */
  get isOfAnother(): boolean {
    return this.seen !== null && this.seen.seenUntil < this.seen.until;
  }

  /** Counts an unpublished row in; `row` is as it was read. */
  add(id: number, row: Row): void {
    this.lastId = id;
    const { seen } = this;
    if (!seen) return;
    const tx = row[TX] as number;
    if (tx < seen.from - oldTransaction) this.old.push(id);
    else if (this.firstId === 0) this.firstId = id;
  }
}

/** Columns behind those of the row itself. */
const TX = 9;
const SEEN = 10;

/** Nothing taken yet. */
export function noTakenRows(seen: Seen | null = null): TakenRows {
  return new TakenRows(seen);
}

/** What the statement saw that answered these rows; null where ids are the order, and of no row. */
export function readSeen([row]: readonly Row[]): Seen | null {
  const text = row?.[SEEN];
  return typeof text === "string" ? JSON.parse(text) : null;
}

/** Says in one row that everything taken is published; false where it cannot. */
export async function publishTaken(session: Session, taken: TakenRows, now: number): Promise<boolean> {
  const { seen, firstId, lastId, isAll, old } = taken;
  if (session.dialect.commitsInOrder) {
    await session.write(insertPublication, [[lastId, now]]);
    return true;
  }
  if (!seen || session.isJoined) return false;
  const { isRest } = seen;
  const topId = isAll ? lastId : isRest ? seen.top : seen.newest;
  const [until, open] = isRest ? [seen.until, seen.open] : [seen.seenUntil, seen.seenOpen];
  const range = [now, seen.at, isRest ? 1 : 0, until, JSON.stringify(open), firstId || lastId, lastId, topId];
  const [row] = await session.read(insertRange, [range]);
  if (!row) return false;
  // at the same instant: among themselves rows go by id, and of a run these may be before the others or behind
  if (old.length > 0) await session.write(markOld, [[row[0]!, JSON.stringify(old)]]);
  return true;
}
