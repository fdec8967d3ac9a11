// Events on their way out: what one flusher takes, and what became of it (P18).

/** One event as a flusher gets it, sequenced. */
export interface StoredEvent {
  /** Stable across redeliveries. */
  id: string;
  runId: string;
  sequence: number;
  occurredAt: number;
  type: string;
  /** The event's own fields as stored. */
  fields: Record<string, unknown>;
}

/** An event that one consumer still has to get, or will never get. */
export interface Delivery {
  consumer: string;
  event: StoredEvent;
  tries: number;
  /** When it is tried next; null waits behind an earlier one of the same run and consumer. */
  nextAt: number | null;
  deadAt: number | null;
  error: string | null;
}

/** A delivery as an adapter keeps it beside the event's row; (eventId, consumer) is unique. Instants are milliseconds. */
export interface DeliveryMark extends Omit<Delivery, "event"> {
  eventId: string;
  workflowRunId: string;
}

/** Deliveries that failed and those that wait behind them, kept for every process to see. */
export interface DeliveryRows {
  list(eventIds: readonly string[]): Promise<DeliveryMark[]>;
  /** Keeps a delivery, in place of what was kept of it. */
  save(mark: DeliveryMark): Promise<void>;
  delete(eventId: string, consumer: string): Promise<void>;
}

/** What one flusher may publish now. Null tokens mean that somebody else is at it. */
export interface EventBatch {
  token: string;
  /** Unpublished events, in order per run. */
  fresh: StoredEvent[];
  /** Deliveries that failed before and are not dead, of the runs in `fresh` and of those that are due. */
  pending: Delivery[];
}

/** What became of a batch. */
export interface EventReport {
  token: string;
  published: StoredEvent[];
  /** Deliveries to keep: new ones, and old ones with new tries. */
  failed: Delivery[];
  /** Deliveries that succeeded. */
  delivered: Delivery[];
}
