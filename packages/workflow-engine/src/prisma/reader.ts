// Lists for people over a Prisma client: keyset pages, so that what arrives while somebody pages shifts nothing.
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
  StageDetail,
} from "../ports/reader.ts";
import type { RunRecord } from "../ports/run.ts";
import type { StageRecord } from "../ports/stage.ts";
import type { Status } from "../ports/status.ts";
import type { StageState } from "../ports/store.ts";
import { engineKey, toStageState } from "../store/crud-state.ts";
import { placeOfCursor } from "../store/cursors.ts";
import { listArtifacts } from "./artifact-rows.ts";
import { listAttempts } from "./attempt-rows.ts";
import type { PrismaClientLike, Row } from "./client.ts";
import { type DeliveryEntry, listDeliveries } from "./delivery-rows.ts";
import { logModel, type ModelPlan, outboxModel, runModel } from "./models.ts";
import { isEvent, readFeed, readFeedEnd } from "./publication.ts";
import { Rows } from "./rows.ts";
import { getRun, toRun } from "./run-rows.ts";
import { type PrismaAdapterOptions, PrismaSession } from "./session.ts";
import { listStages } from "./stage-rows.ts";

const defaultLimit = 50;
const maxLimit = 500;
/** What dead letters of the CRUD port belong to: the sink as a whole. */
const sink = "sink";

interface Keyset {
  plan: ModelPlan;
  where: Row;
  /** The field of the instant that orders the list. */
  at: string;
  direction: "asc" | "desc";
}

/** Read-only queries over a Prisma client. */
export class PrismaReader implements Reader {
  readonly #session: PrismaSession;

  /** Takes a generated client; opens nothing until its first use. */
  constructor(prisma: PrismaClientLike, options: PrismaAdapterOptions = {}) {
    this.#session = new PrismaSession(prisma, options);
  }

  async listRuns(filter: RunFilter = {}, page: PageRequest = {}): Promise<Page<RunRecord>> {
    const { workflowId, status, createdAfter, createdBefore } = filter;
    const created = { ...(createdAfter && { gt: createdAfter }), ...(createdBefore && { lt: createdBefore }) };
    const where = { ...(workflowId !== undefined && { workflowId }), ...(status !== undefined && { status }), createdAt: created };
    const { items, nextCursor } = await this.#page<RunRecord>({ plan: runModel, where, at: "createdAt", direction: "desc" }, page);
    return { items: items.map(toRun), nextCursor };
  }

  async getRunDetail(workflowRunId: string): Promise<RunDetail | null> {
    const run = await getRun(this.#session, workflowRunId);
    if (!run) return null;
    const stages = await listStages(this.#session, workflowRunId);
    return { run, stages: stages.map(toStageDetail), artifacts: await listArtifacts(this.#session, workflowRunId) };
  }

  listLogs(workflowRunId: string, page: PageRequest = {}): Promise<Page<LogRecord>> {
    return this.#page<LogRecord>({ plan: logModel, where: { workflowRunId }, at: "createdAt", direction: "asc" }, page);
  }

  async listAttempts(workflowRunId: string, stageId?: string): Promise<AttemptRecord[]> {
    const over = (await listAttempts(this.#session, workflowRunId)).map(({ id: _, sweptAt: __, outcome, ...attempt }) => ({
      ...attempt,
      status: outcome,
    }));
    const stages = await listStages(this.#session, workflowRunId);
    const attempts = [...over, ...stages.flatMap((stage) => currentAttempt(toStageState(stage)))];
    return attempts.filter((attempt) => stageId === undefined || attempt.stageId === stageId);
  }

  listEvents(workflowRunId: string, after = 0, limit = maxLimit): Promise<OutboxRecord[]> {
    const where = { workflowRunId, publishedAt: { not: null }, sequence: { gt: after }, ...isEvent };
    const query = { where, orderBy: [{ sequence: "asc" }], take: limit };
    return this.#session.step((inner) => new Rows<OutboxRecord>(inner, outboxModel).list(query));
  }

  listAllEvents(after?: string, limit = maxLimit): Promise<EventFeed> {
    return readFeed(this.#session, after, limit);
  }

  lastEventCursor(): Promise<string> {
    return readFeedEnd(this.#session);
  }

  async listDeadLetters(page: PageRequest = {}): Promise<Page<DeadLetterRecord>> {
    const where = { dlqAt: { not: null }, ...isEvent };
    const { items, nextCursor } = await this.#page<OutboxRecord>({ plan: outboxModel, where, at: "dlqAt", direction: "asc" }, page);
    const marks = await listDeliveries(
      this.#session,
      items.map(({ id }) => id),
    );
    const byEvent = Map.groupBy(marks, ({ eventId }) => eventId);
    return { items: items.flatMap((event) => lettersOf(event, byEvent.get(event.id) ?? [])), nextCursor };
  }

  async countRuns(): Promise<RunCount[]> {
    const groups = await this.#session.step((inner) => inner.of(runModel).groupBy({ by: ["workflowId", "status"], _count: true }));
    const counts = groups.map((group) => ({
      workflowId: group["workflowId"] as string,
      status: group["status"] as Status,
      count: Number(group["_count"]),
    }));
    const keyOf = ({ workflowId, status }: RunCount): string => `${workflowId}\u0000${status}`;
    return counts.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  async #page<T extends { id: string }>(
    { plan, where, at, direction }: Keyset,
    { limit = defaultLimit, cursor }: PageRequest,
  ): Promise<Page<T>> {
    const size = Math.max(1, Math.min(limit, maxLimit));
    const query = {
      where: cursor === undefined ? where : { AND: [where, behind(cursor, at, direction)] },
      orderBy: [{ [at]: direction }, { id: direction }],
      take: size + 1,
    };
    const rows = await this.#session.step((inner) => new Rows<T>(inner, plan).list(query));
    const items = rows.slice(0, size);
    const last = rows.length > size ? items.at(-1) : undefined;
    return { items, nextCursor: last ? `${((last as Row)[at] as Date).getTime()}_${last.id}` : null };
  }
}

/** Rows that come after the one that a cursor names. */
function behind(cursor: string, at: string, direction: "asc" | "desc"): Row {
  const place = placeOfCursor(cursor);
  const beyond = direction === "asc" ? "gt" : "lt";
  const instant = new Date(place.at);
  return { OR: [{ [at]: { [beyond]: instant } }, { [at]: instant, id: { [beyond]: place.id } }] };
}

/** The dead letters of an event: one a consumer where that is known, else one for the sink as a whole. */
function lettersOf(event: OutboxRecord, marks: readonly DeliveryEntry[]): DeadLetterRecord[] {
  const dead = marks.flatMap(({ consumer, tries, deadAt, error }) => (deadAt === null ? [] : [{ consumer, event, tries, deadAt, error }]));
  return dead.length > 0 ? dead : [{ consumer: sink, event, tries: event.retryCount, deadAt: event.dlqAt!, error: null }];
}

function toStageDetail(record: StageRecord): StageDetail {
  const { item, executionId, maxAttempts, waitReason, lease } = toStageState(record);
  const own = record.config?.[engineKey] as { progress?: StageDetail["progress"] } | undefined;
  return { ...record, item, executionId, maxAttempts, waitReason, workerId: lease?.workerId ?? null, progress: own?.progress ?? null };
}

/** The attempt that a stage's own row tells of: the one under way, or the one that ended it. None while the stage waits. */
function currentAttempt(state: StageState): AttemptRecord[] {
  const { runId: workflowRunId, stageId, item, attempt, executionId, lease, status, startedAt } = state;
  if (startedAt === null || status === "PENDING" || status === "SUSPENDED") return [];
  const isRunning = status === "RUNNING";
  const endedAt = isRunning || state.completedAt === null ? null : new Date(state.completedAt);
  const times = { startedAt: new Date(lease?.lockedAt ?? startedAt), endedAt };
  const error = isRunning ? null : state.error;
  return [{ workflowRunId, stageId, item, attempt, executionId, workerId: lease?.workerId ?? null, ...times, status, error }];
}
