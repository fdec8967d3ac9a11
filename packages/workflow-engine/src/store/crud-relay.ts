// Jobs on their way to a foreign queue (P4): they are rows of the outbox in the commit that opened their stage, and go to the transport
// after it. What a crash leaves behind is found among the unpublished rows; a job that arrives twice is ignored by its id.

import type { Environment } from "../ports/environment.ts";
import type { EnqueueJobInput } from "../ports/job.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { CreateOutboxEventInput, OutboxRecord } from "../ports/outbox.ts";
import type { Persistence } from "../ports/persistence.ts";
import { Coalescer } from "./coalescer.ts";

/** Type of the outbox rows that stand for jobs; no sink ever sees them. */
export const jobRowType = "job:enqueue";

/** Rows looked through for jobs that nobody relayed. */
const lookAhead = 500;
const batchCap = 1_000;

/** A transport that writes through the same transaction as the persistence. */
export interface TransactionalTransport extends JobTransport {
  /** The same queue inside this transaction; jobs then need no rows in the outbox. */
  inTransaction?(tx: Persistence): JobTransport;
  /** False when this persistence is not of the same database after all; true when absent. */
  sharesWith?(persistence: Persistence): boolean;
}

/** True for a row that is not an event but a job to enqueue. */
export function isJobRow(row: { eventType: string }): boolean {
  return row.eventType.startsWith("job:");
}

/** Carries jobs from commits to the transport. */
export class JobRelay {
  readonly #persistence: Persistence;
  readonly #transport: TransactionalTransport;
  readonly #environment: Environment;
  readonly #sending: Coalescer<EnqueueJobInput[]>;
  /** True when jobs ride the transaction that opens their stages. */
  readonly #isShared: boolean;
  /** True while rows may wait that this process or an earlier one did not get rid of. */
  #mayHavePending = true;

  constructor(persistence: Persistence, transport: TransactionalTransport, environment: Environment) {
    this.#persistence = persistence;
    this.#transport = transport;
    this.#environment = environment;
    this.#isShared = transport.inTransaction !== undefined && (transport.sharesWith?.(persistence) ?? true);
    this.#sending = new Coalescer(1, batchCap, environment, async (_, batches) => {
      await this.#send(batches.flat());
      return batches;
    });
  }

  /** Writes jobs into the transaction that opens their stages. */
  async append(tx: Persistence, jobs: readonly EnqueueJobInput[]): Promise<void> {
    if (jobs.length === 0) return;
    const inside = this.#isShared ? this.#transport.inTransaction?.(tx) : undefined;
    if (inside) await inside.enqueueParallel([...jobs]);
    else await tx.appendOutboxEvents(jobs.map((job) => this.#rowOf(job)));
  }

  /** Hands committed jobs to the transport; one that is out of reach gets them later. */
  async relay(jobs: EnqueueJobInput[]): Promise<void> {
    if (jobs.length > 0 && !this.#isShared) await this.#sending.push(0, jobs);
  }

  /** Relays what earlier attempts left behind, if there may be any. */
  async relayPending(): Promise<void> {
    if (!this.#mayHavePending || this.#isShared) return;
    this.#mayHavePending = false;
    try {
      const rows = await this.#persistence.getUnpublishedOutboxEvents(lookAhead);
      await this.relayRows(rows.filter(isJobRow));
      this.#mayHavePending = rows.length === lookAhead;
    } catch {
      this.#mayHavePending = true;
    }
  }

  /** Relays these rows and marks them; rejects when the transport is out of reach. */
  async relayRows(rows: readonly OutboxRecord[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#transport.enqueueParallel(rows.map(jobOfRow));
    await this.#persistence.markOutboxEventsPublished(rows.map((row) => row.id));
  }

  /** Resolves when nothing is on its way. */
  drained(): Promise<void> {
    return this.#sending.drained();
  }

  async #send(jobs: EnqueueJobInput[]): Promise<void> {
    try {
      await this.#transport.enqueueParallel(jobs);
      const sent = new Set(jobs.map((job) => job.jobId));
      const rows = await this.#persistence.getUnpublishedOutboxEvents(lookAhead + jobs.length);
      const mine = rows.filter((row) => isJobRow(row) && sent.has(jobOfRow(row).jobId));
      if (mine.length > 0) await this.#persistence.markOutboxEventsPublished(mine.map((row) => row.id));
    } catch {
      // the commit stands: the rows are still there
      this.#mayHavePending = true;
    }
  }

  #rowOf(job: EnqueueJobInput): CreateOutboxEventInput {
    return {
      workflowRunId: job.workflowRunId,
      eventType: jobRowType,
      payload: { ...job, ...(job.scheduledFor && { scheduledFor: job.scheduledFor.toISOString() }) },
      causationId: job.jobId ?? job.workflowRunId,
      occurredAt: new Date(this.#environment.now()),
    };
  }
}

function jobOfRow(row: OutboxRecord): EnqueueJobInput {
  const { scheduledFor, ...job } = row.payload as Omit<EnqueueJobInput, "scheduledFor"> & { scheduledFor?: string | Date };
  return { ...job, ...(scheduledFor !== undefined && { scheduledFor: new Date(scheduledFor) }) };
}
