// The transactional outbox: events wait here, in the commit of the change they tell of, until every consumer has them.

/** One event as stored. `sequence` orders the events of a run; `id` is stable across redeliveries. */
export interface OutboxRecord {
  id: string;
  workflowRunId: string;
  sequence: number;
  eventType: string;
  payload: unknown;
  causationId: string;
  occurredAt: Date;
  publishedAt: Date | null;
  retryCount: number;
  dlqAt: Date | null;
}

/** What `appendOutboxEvents` takes. */
export interface CreateOutboxEventInput {
  workflowRunId: string;
  eventType: string;
  payload: unknown;
  causationId: string;
  occurredAt: Date;
}
