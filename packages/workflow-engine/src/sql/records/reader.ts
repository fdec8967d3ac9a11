// Reading for people over SQL: keyset pages, so that what arrives while somebody pages shifts nothing; one run in full; its attempts and
// events.
import type { LogRecord } from "../../ports/log.ts";
import type { OutboxRecord } from "../../ports/outbox.ts";
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
} from "../../ports/reader.ts";
import type { RunRecord } from "../../ports/run.ts";
import type { Status } from "../../ports/status.ts";
import { foreignCursor } from "../../store/cursors.ts";
import { forOne } from "../dialect.ts";
import { type OutboxRow, readOutboxRow } from "../outbox-events.ts";
import { outboxColumns } from "../tables/outbox.ts";
import { isPublished } from "../tables/publications.ts";
import { countRuns, listRuns } from "../tables/run-pages.ts";
import { getRun, readRunRow, toRunRecord } from "../tables/run-records.ts";
import { listStagesOfRun, readStageRow, toStageDetail } from "../tables/stage-records.ts";
import { listArtifacts } from "./artifact-records.ts";
import { currentAttempt, listAttempts, toAttemptRecord } from "./attempt-records.ts";
import { letterId, listDeadAfter, toDeadLetters } from "./dead-letters.ts";
import { readFeed, readFeedEnd } from "./event-feed.ts";
import { listLogsAfter, toLogRecord } from "./log-records.ts";
import { toRecords } from "./outbox-records.ts";
import { afterPlace, FIRST, LAST, pageOf, sizeOf } from "./pages.ts";
import type { Step, Steps } from "./steps.ts";

const MAX_EVENTS = 500;

// an event that is marked alone is published before its row is
const listEventsAfter = forOne("list_events_after", { run_id: "text", after: "int", max: "limit" }, (p, dialect) => {
  return `SELECT ${outboxColumns(dialect)} FROM outbox o WHERE o.run_id = ${p.run_id} AND o.first_sequence + o.count - 1 > ${p.after}
    AND (${isPublished(dialect)} OR EXISTS (SELECT 1 FROM event_marks m WHERE m.outbox_id = o.id AND m.published_at IS NOT NULL))
    ORDER BY o.id LIMIT ${p.max}`;
});

/** Read-only queries over a SQL database. */
export class SqlReader implements Reader {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  async listRuns(filter: RunFilter = {}, page: PageRequest = {}): Promise<Page<RunRecord>> {
    const { workflowId, status, createdAfter, createdBefore } = filter;
    const statement = listRuns({ workflowId, status });
    const { at, id } = afterPlace(page, LAST);
    // the cursor bounds the index as well: a deep page costs what the first one does
    const within = [createdAfter?.getTime() ?? FIRST.at, Math.min(createdBefore?.getTime() ?? LAST.at, at + 1)];
    const size = sizeOf(page);
    const rows = await this.#read((step) =>
      step.session.read(statement, [[workflowId ?? null, status ?? null, ...within, at, id, size + 1]]),
    );
    const runs = rows.map((row) => toRunRecord(readRunRow(row)));
    return pageOf(runs, size, (run) => ({ at: run.createdAt.getTime(), id: run.id }));
  }

  getRunDetail(workflowRunId: string): Promise<RunDetail | null> {
    return this.#read(async (step) => {
      const [run] = await step.session.read(getRun, [[workflowRunId]]);
      if (!run) return null;
      const stages = await step.session.read(listStagesOfRun, [[workflowRunId]]);
      return {
        run: toRunRecord(readRunRow(run)),
        stages: stages.map((row) => toStageDetail(readStageRow(row))),
        artifacts: await listArtifacts(step, workflowRunId),
      };
    });
  }

  async listLogs(workflowRunId: string, page: PageRequest = {}): Promise<Page<LogRecord>> {
    const { at, id } = afterPlace(page, FIRST);
    if (!Number.isSafeInteger(Number(id))) throw foreignCursor(page.cursor!);
    const size = sizeOf(page);
    const rows = await this.#read((step) => step.session.read(listLogsAfter, [[workflowRunId, at, Number(id), size + 1]]));
    return pageOf(rows.map(toLogRecord), size, (log) => ({ at: log.createdAt.getTime(), id: log.id }));
  }

  listAttempts(workflowRunId: string, stageId?: string): Promise<AttemptRecord[]> {
    return this.#read(async ({ session }) => {
      const ended = (await session.read(listAttempts, [[workflowRunId]])).map(toAttemptRecord);
      const stages = (await session.read(listStagesOfRun, [[workflowRunId]])).map(readStageRow);
      const attempts = [...ended, ...stages.flatMap(({ state }) => currentAttempt(state))];
      return attempts.filter((attempt) => stageId === undefined || attempt.stageId === stageId);
    });
  }

  listEvents(workflowRunId: string, after = 0, limit = MAX_EVENTS): Promise<OutboxRecord[]> {
    return this.#read(async ({ session }) => {
      // of the first row all published events may be at or before `after`
      const rows: OutboxRow[] = (await session.read(listEventsAfter, [[workflowRunId, after, limit + 1]])).map(readOutboxRow);
      const events = await toRecords(session, rows);
      return events.filter((event) => event.publishedAt !== null && event.sequence > after).slice(0, limit);
    });
  }

  listAllEvents(after?: string, limit = MAX_EVENTS): Promise<EventFeed> {
    return this.#read(({ session }) => readFeed(session, after, limit));
  }

  lastEventCursor(): Promise<string> {
    return this.#read(({ session }) => readFeedEnd(session));
  }

  async listDeadLetters(page: PageRequest = {}): Promise<Page<DeadLetterRecord>> {
    const { at, id } = afterPlace(page, FIRST);
    const size = sizeOf(page);
    const letters = await this.#read(async ({ session }) =>
      toDeadLetters(session, await session.read(listDeadAfter, [[at, id, size + 1]])),
    );
    return pageOf(letters, size, (letter) => ({ at: letter.deadAt.getTime(), id: letterId(letter) }));
  }

  async countRuns(): Promise<RunCount[]> {
    const rows = await this.#read(({ session }) => session.read(countRuns, [[]]));
    return rows.map(([workflowId, status, count]) => ({
      workflowId: workflowId as string,
      status: status as Status,
      count: Number(count),
    }));
  }

  #read<T>(work: (step: Step) => Promise<T>): Promise<T> {
    return this.#steps.read(work);
  }
}
