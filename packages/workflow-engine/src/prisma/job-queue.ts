// The job queue on a Prisma client: FOR UPDATE SKIP LOCKED on PostgreSQL, one writer at a time on SQLite. Leases, fences and bounded
// attempts as any queue of ours (P13, P14). With a persistence of the same client jobs are enqueued in the transaction that opens them.
import { WorkflowEngineError } from "../errors.ts";
import type { DequeueResult, EnqueueJobInput, JobRecord } from "../ports/job.ts";
import type { JobFence, JobTransport } from "../ports/job-transport.ts";
import type { Persistence } from "../ports/persistence.ts";
import { backoffMs, DEFAULT_MAX_ATTEMPTS, WORKER_LOST } from "../store/job-backoff.ts";
import type { PrismaClientLike, Row } from "./client.ts";
import { jobModel, runModel } from "./models.ts";
import { PrismaWorkflowPersistence } from "./persistence.ts";
import { Rows } from "./rows.ts";
import { type PrismaAdapterOptions, PrismaSession } from "./session.ts";

const defaultPriority = 5;
const defaultStaleMs = 60_000;
const ended = ["COMPLETED", "FAILED", "CANCELLED", "SKIPPED"];
const noLease = { workerId: null, lockedAt: null };

/** Options of the job queue. */
export interface PrismaJobQueueOptions extends PrismaAdapterOptions {
  /** Label in the rows of leased jobs; a fresh one when absent. */
  workerId?: string | undefined;
}

/** Jobs in the table of a Prisma client. */
export class PrismaJobQueue implements JobTransport {
  readonly session: PrismaSession;
  readonly #workerId: string;

  /** Takes a generated client; opens nothing until its first use. */
  constructor(prisma: PrismaClientLike, options: string | PrismaJobQueueOptions = {}, session?: PrismaSession) {
    const given = typeof options === "string" ? { workerId: options } : options;
    this.session = session ?? new PrismaSession(prisma, given);
    this.#workerId = given.workerId ?? `worker-${this.session.newId()}`;
  }

  /** True when the persistence is of the same client, so that both write in one transaction. */
  sharesWith(persistence: Persistence): boolean {
    return persistence instanceof PrismaWorkflowPersistence && persistence.session.root === this.session.root;
  }

  /** The same queue inside a transaction of a persistence that it shares with; any other is refused with NOT_CONFIGURED. */
  inTransaction(tx: Persistence): JobTransport {
    if (tx instanceof PrismaWorkflowPersistence && this.sharesWith(tx))
      return new PrismaJobQueue(this.session.root, this.#workerId, tx.session);
    throw new WorkflowEngineError(
      "NOT_CONFIGURED",
      "The transaction is of another Prisma client than this queue. Make both from one client.",
    );
  }

  async enqueue(input: EnqueueJobInput): Promise<string> {
    return (await this.enqueueParallel([input]))[0]!;
  }

  async enqueueParallel(inputs: EnqueueJobInput[]): Promise<string[]> {
    if (inputs.length === 0) return [];
    const now = this.session.now();
    const records = inputs.map((input) => this.#recordOf(input, now));
    await this.session.atomically((inner) => rowsOf(inner).createMissing(records));
    return records.map(({ id }) => id);
  }

  async dequeue(): Promise<DequeueResult | null> {
    return (await this.dequeueMany(1))[0] ?? null;
  }

  dequeueMany(max: number): Promise<DequeueResult[]> {
    return this.session.atomically(async (inner) => {
      const ids = await this.#lease(inner, max);
      if (ids.length === 0) return [];
      const jobs = await rowsOf(inner).list({
        where: { id: { in: ids } },
        orderBy: [{ priority: "desc" }, { createdAt: "asc" }, { id: "asc" }],
      });
      return Promise.all(jobs.map((job) => toLeased(inner, job)));
    });
  }

  async complete(jobId: string, fence?: JobFence): Promise<void> {
    await this.#setHeld(jobId, fence, { status: "COMPLETED", completedAt: this.session.now(), lockedAt: null, lastError: null });
  }

  async suspend(jobId: string, nextPollAt: Date, fence?: JobFence): Promise<void> {
    await this.#setHeld(jobId, fence, { status: "SUSPENDED", nextPollAt, ...noLease });
  }

  fail(jobId: string, error: string, shouldRetry = false, fence?: JobFence): Promise<void> {
    return this.session.atomically(async (inner) => {
      const job = await rowsOf(inner).lock(jobId);
      if (!job || !isHeld(job, fence)) return;
      const retryAt = new Date(inner.now().getTime() + backoffMs(job.attempt));
      await rowsOf(inner).change(job, shouldRetry ? afterTry(job, error, retryAt, inner.now()) : failed(error, inner.now()));
    });
  }

  async getSuspendedJobsReadyToPoll(): Promise<Array<{ jobId: string; stageId: string; workflowRunId: string }>> {
    const where = { status: "SUSPENDED", OR: [{ nextPollAt: null }, { nextPollAt: { lte: this.session.now() } }] };
    const jobs = await this.session.step((inner) => rowsOf(inner).list({ where, orderBy: [{ nextPollAt: "asc" }, { id: "asc" }] }));
    return jobs.map(({ id, stageId, workflowRunId }) => ({ jobId: id, stageId, workflowRunId }));
  }

  async releaseStaleJobs(staleThresholdMs = defaultStaleMs): Promise<number> {
    const before = new Date(this.session.now().getTime() - staleThresholdMs);
    const where = { status: "RUNNING", lockedAt: { lt: before } };
    const stale = await this.session.step((inner) => rowsOf(inner).list({ where, orderBy: [{ id: "asc" }] }));
    let released = 0;
    for (const { id } of stale) if (await this.#release(id, before)) released += 1;
    return released;
  }

  async heartbeat(jobId: string): Promise<void> {
    await this.session.step((inner) =>
      rowsOf(inner).set({ id: jobId, status: "RUNNING" }, { lockedAt: inner.now(), updatedAt: inner.now() }),
    );
  }

  cancelByRun(workflowRunId: string): Promise<number> {
    const fields = { status: "CANCELLED", completedAt: this.session.now(), lockedAt: null, updatedAt: this.session.now() };
    return this.session.step((inner) => rowsOf(inner).set({ workflowRunId, status: { notIn: ended } }, fields));
  }

  #recordOf(input: EnqueueJobInput, now: Date): Row & { id: string } {
    const { workflowRunId, workflowId, stageId, priority = defaultPriority, payload = {}, scheduledFor: nextPollAt = null } = input;
    const { attempt = 0, maxAttempts = DEFAULT_MAX_ATTEMPTS } = input;
    const fields = { workflowRunId, workflowId, stageId, priority, payload, nextPollAt, maxAttempts, status: "PENDING" };
    return { id: input.jobId ?? this.session.newId(), createdAt: now, updatedAt: now, ...fields, attempt: attempt + 1 };
  }

  /** Leases the most urgent due jobs; rivals skip what is being leased. */
  async #lease(session: PrismaSession, max: number): Promise<string[]> {
    const now = session.now();
    const column = (field: string): string => session.column(jobModel, field);
    const [id, table] = [column("id"), session.table(jobModel)];
    const due = `SELECT ${id} FROM ${table} WHERE ${column("status")} = 'PENDING' AND (${column("nextPollAt")} IS NULL OR ${column("nextPollAt")} <= ?)
      ORDER BY ${column("priority")} DESC, ${column("createdAt")}, ${id} LIMIT ${Math.max(0, Math.floor(max))}${session.isPostgres ? " FOR UPDATE SKIP LOCKED" : ""}`;
    const started = session.codec(jobModel).hasColumn("startedAt") ? `, ${column("startedAt")} = COALESCE(${column("startedAt")}, ?)` : "";
    // picked once: as a plain subquery a nested loop asks it again for each row, and what it skips by then makes it lease past the limit
    const rows = await session.query(
      `WITH due_jobs AS MATERIALIZED (${due})
      UPDATE ${table} SET ${column("status")} = 'RUNNING', ${column("workerId")} = ?, ${column("lockedAt")} = ?, ${column("updatedAt")} = ?,
        ${column("nextPollAt")} = NULL${started} WHERE ${id} IN (SELECT ${id} FROM due_jobs) RETURNING ${id} AS "id"`,
      [now, this.#workerId, now, now, ...(started === "" ? [] : [now])],
    );
    return rows.map((row) => row["id"] as string);
  }

  /** Changes a job that has not ended and whose try the fence still names. */
  async #setHeld(jobId: string, fence: JobFence | undefined, fields: Row): Promise<void> {
    const { attempt } = fence ?? {};
    const where = attempt === undefined ? { status: { notIn: ended } } : { status: "RUNNING", attempt };
    await this.session.step((inner) => rowsOf(inner).set({ id: jobId, ...where }, { ...fields, updatedAt: inner.now() }));
  }

  /** Puts a stale job back, or ends it when its tries are used up; true when it will be tried again. */
  #release(jobId: string, before: Date): Promise<boolean> {
    return this.session.atomically(async (inner) => {
      const job = await rowsOf(inner).lock(jobId);
      if (job?.status !== "RUNNING" || job.lockedAt === null || job.lockedAt >= before) return false;
      const isSpent = job.attempt >= job.maxAttempts;
      await rowsOf(inner).change(job, isSpent ? failed(WORKER_LOST, inner.now()) : afterTry(job, job.lastError, null, inner.now()));
      return !isSpent;
    });
  }
}

function rowsOf(session: PrismaSession): Rows<JobRecord> {
  return new Rows(session, jobModel);
}

function isHeld(job: JobRecord, fence: JobFence | undefined): boolean {
  if (ended.includes(job.status)) return false;
  return fence?.attempt === undefined || (fence.attempt === job.attempt && job.status === "RUNNING");
}

function afterTry(job: JobRecord, lastError: string | null, nextPollAt: Date | null, now: Date): Row {
  if (job.attempt >= job.maxAttempts) return failed(lastError, now);
  return { status: "PENDING", attempt: job.attempt + 1, lastError, nextPollAt, ...noLease, updatedAt: now };
}

function failed(lastError: string | null, now: Date): Row {
  return { status: "FAILED", completedAt: now, lockedAt: null, lastError, updatedAt: now };
}

/** A leased job as workers get it. One that others enqueued may not name its workflow: its run does. */
async function toLeased(session: PrismaSession, job: JobRecord): Promise<DequeueResult> {
  const { id: jobId, workflowRunId, stageId, priority, attempt, maxAttempts, payload } = job;
  const workflowId =
    job.workflowId ?? (await new Rows<{ workflowId: string }>(session, runModel).find({ id: workflowRunId }))?.workflowId ?? "";
  return { jobId, workflowRunId, workflowId, stageId, priority, attempt, maxAttempts, payload: payload ?? {} };
}
