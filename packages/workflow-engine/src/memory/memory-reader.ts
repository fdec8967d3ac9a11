// Lists for people over rows in memory: keyset pages, so that what arrives while somebody pages shifts nothing.
import type { LogRecord } from "../ports/log.ts";
import type { OutboxRecord } from "../ports/outbox.ts";
import type {
  AttemptRecord,
  DeadLetterRecord,
  EventFeed,
  Page,
  PageRequest,
  Reader,
  RunCount,
  RunDetail,
  RunFilter,
} from "../ports/reader.ts";
import type { RunRecord } from "../ports/run.ts";
import { FEED_START, placeOfCursor, placeOfEvent } from "../store/cursors.ts";
import { eventIdOf, parseEventId } from "../store/record-ids.ts";
import { artifactsInOrder } from "./artifact-rows.ts";
import { stagesInOrder } from "./decide.ts";
import { deadEvents } from "./memory-events.ts";
import type { MemoryTables, OutboxRow, RunRow } from "./memory-tables.ts";
import { DEFAULT_CONSUMER, eventsOf, hasLiveEvents, type RowEvent } from "./outbox-rows.ts";
import { toArtifactRecord, toAttemptRecord, toCurrentAttempt, toLogRecord, toOutboxRecord, toRunRecord, toStageDetail } from "./rows.ts";
import { compareText, firstOf } from "./table.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;

/** Where a row stands in a list. */
interface Place {
  at: number;
  id: string;
}

/** Read-only queries over the rows of a memory store. */
export class MemoryReader implements Reader {
  readonly #tables: MemoryTables;

  constructor(tables: MemoryTables) {
    this.#tables = tables;
  }

  listRuns(filter: RunFilter = {}, page: PageRequest = {}): Promise<Page<RunRecord>> {
    return this.#step((tables) => {
      const rows = filter.status ? tables.runs.by("status", filter.status) : tables.runs.values();
      const placeOf = ({ state }: RunRow): Place => ({ at: state.createdAt, id: state.id });
      const newestFirst = (a: Place, b: Place): number => comparePlaces(b, a);
      return pageOf(rows.filter(runFilter(filter)), page, placeOf, newestFirst, toRunRecord);
    });
  }

  getRunDetail(workflowRunId: string): Promise<RunDetail | null> {
    return this.#step((tables) => {
      const run = tables.runs.get(workflowRunId);
      if (!run) return null;
      const artifacts = artifactsInOrder(tables.artifacts.by("run", workflowRunId)).map(toArtifactRecord);
      return { run: toRunRecord(run), stages: stagesInOrder(tables, workflowRunId).map(toStageDetail), artifacts };
    });
  }

  listLogs(workflowRunId: string, page: PageRequest = {}): Promise<Page<LogRecord>> {
    return this.#step((tables) =>
      pageOf(tables.logs.by("run", workflowRunId), page, (row) => ({ at: row.createdAt, id: row.id }), comparePlaces, toLogRecord),
    );
  }

  listAttempts(workflowRunId: string, stageId?: string): Promise<AttemptRecord[]> {
    return this.#step((tables) => {
      const ended = tables.attempts.by("run", workflowRunId).sort((a, b) => a.endedAt - b.endedAt || compareText(a.id, b.id));
      const current = stagesInOrder(tables, workflowRunId).flatMap(toCurrentAttempt);
      const attempts = [...ended.map(toAttemptRecord), ...current];
      return attempts.filter((attempt) => stageId === undefined || attempt.stageId === stageId);
    });
  }

  listEvents(workflowRunId: string, after = 0, limit = MAX_LIMIT): Promise<OutboxRecord[]> {
    return this.#step((tables) => {
      const rows = tables.outbox.by("run", workflowRunId).filter((row) => row.firstSequence !== null);
      const events = rows.flatMap(eventsOf).filter((event) => event.publishedAt !== null && event.stored.sequence > after);
      return firstOf(events, limit, (a, b) => a.stored.sequence - b.stored.sequence).map(toOutboxRecord);
    });
  }

  listAllEvents(after?: string, limit = MAX_LIMIT): Promise<EventFeed> {
    return this.#step((tables) => {
      const from = placeOfEvent(after);
      const rows = settledRows(tables).filter((row) => row.id >= from.row);
      const events = firstOf(rows, limit + 1, (a, b) => a.id - b.id).flatMap(eventsOf);
      const isLater = (event: RowEvent): boolean => event.row.id > from.row || event.index > from.index;
      const items = events.filter((event) => event.publishedAt !== null && isLater(event)).slice(0, limit);
      return {
        items: items.map((event) => ({ ...toOutboxRecord(event), cursor: event.stored.id })),
        cursor: items.at(-1)?.stored.id ?? eventIdOf(String(from.row), from.index),
      };
    });
  }

  lastEventCursor(): Promise<string> {
    return this.#step((tables) => {
      const last = settledRows(tables).reduce<OutboxRow | null>((max, row) => (max && max.id > row.id ? max : row), null);
      return last ? eventIdOf(String(last.id), last.count - 1) : FEED_START;
    });
  }

  listDeadLetters(page: PageRequest = {}): Promise<Page<DeadLetterRecord>> {
    return this.#step((tables) => {
      const placeOf = (letter: DeadLetterRecord): Place => ({ at: letter.deadAt.getTime(), id: `${letter.consumer} ${letter.event.id}` });
      return pageOf(deadLetters(tables), page, placeOf, comparePlaces, (letter) => letter);
    });
  }

  countRuns(): Promise<RunCount[]> {
    return this.#step((tables) => {
      const groups = Map.groupBy(tables.runs.values(), ({ state }) => JSON.stringify([state.workflowId, state.status]));
      const keys = [...groups.keys()].sort(compareText);
      return keys.map((key) => {
        const rows = groups.get(key)!;
        const { workflowId, status } = rows[0]!.state;
        return { workflowId, status, count: rows.length };
      });
    });
  }

  #step<T>(work: (tables: MemoryTables) => T): Promise<T> {
    return this.#tables.step(() => work(this.#tables));
  }
}

/** Rows before the first that has an event on its way: nothing will be published before or among them. */
function settledRows(tables: MemoryTables): OutboxRow[] {
  const first = tables.outbox
    .by("fresh", "yes")
    .filter(hasLiveEvents)
    .reduce((min, row) => Math.min(min, row.id), Number.POSITIVE_INFINITY);
  return tables.outbox.values().filter((row) => row.firstSequence !== null && row.id < first);
}

function runFilter(filter: RunFilter): (row: RunRow) => boolean {
  const after = filter.createdAfter?.getTime() ?? Number.NEGATIVE_INFINITY;
  const before = filter.createdBefore?.getTime() ?? Number.POSITIVE_INFINITY;
  return ({ state }) =>
    (filter.workflowId === undefined || state.workflowId === filter.workflowId) && state.createdAt > after && state.createdAt < before;
}

function deadLetters(tables: MemoryTables): DeadLetterRecord[] {
  const deliveries = tables.deliveries.by("life", "dead").flatMap(({ consumer, event, tries, deadAt, error }) => {
    const at = parseEventId(event.id)!;
    const found = tables.outbox.get(at.row);
    const record = found && toOutboxRecord(eventsOf(found)[at.index]!);
    const dlqAt = new Date(deadAt!);
    return record ? [{ consumer, event: { ...record, retryCount: tries, dlqAt }, tries, deadAt: dlqAt, error }] : [];
  });
  const events = deadEvents(tables).map((found) => {
    const event = toOutboxRecord(found);
    return { consumer: DEFAULT_CONSUMER, event, tries: event.retryCount, deadAt: event.dlqAt!, error: null };
  });
  return [...deliveries, ...events];
}

function comparePlaces(a: Place, b: Place): number {
  return a.at - b.at || compareText(a.id, b.id);
}

/** One page of rows in the order of `compare`, after the cursor's place. */
function pageOf<V, R>(
  rows: V[],
  { limit = DEFAULT_LIMIT, cursor }: PageRequest,
  placeOf: (row: V) => Place,
  compare: (a: Place, b: Place) => number,
  map: (row: V) => R,
): Page<R> {
  const size = Math.max(1, Math.min(limit, MAX_LIMIT));
  const start = cursor === undefined ? null : placeOfCursor(cursor);
  const rest = start ? rows.filter((row) => compare(placeOf(row), start) > 0) : rows;
  const found = firstOf(rest, size + 1, (a, b) => compare(placeOf(a), placeOf(b)));
  const items = found.slice(0, size);
  const last = items.at(-1);
  const nextCursor = last && found.length > size ? cursorOf(placeOf(last)) : null;
  return { items: items.map(map), nextCursor };
}

function cursorOf({ at, id }: Place): string {
  return `${at}_${id}`;
}
