// Reading for people: lists with keyset pages, one run in full, its logs, attempts and events.
import type { ArtifactRecord, LogRecord } from "./log.ts";
import type { OutboxRecord } from "./outbox.ts";
import type { RunRecord } from "./run.ts";
import type { StageRecord } from "./stage.ts";
import type { Status, WaitReason } from "./status.ts";

/** A page: at most `limit` (default 50, at most 500) rows after `cursor`. */
export interface PageRequest {
  limit?: number | undefined;
  cursor?: string | undefined;
}

/** Rows, and the cursor of the next page; null at the end. */
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** Narrows `listRuns`; newest first. */
export interface RunFilter {
  workflowId?: string | undefined;
  status?: Status | undefined;
  createdAfter?: Date | undefined;
  createdBefore?: Date | undefined;
}

/** One try of one stage. */
export interface AttemptRecord {
  workflowRunId: string;
  stageId: string;
  item: number;
  attempt: number;
  executionId: string;
  workerId: string | null;
  startedAt: Date | null;
  endedAt: Date | null;
  /** RUNNING while under way; LOST when its worker died. */
  status: Status | "LOST";
  error: string | null;
}

/** A stage with what the CRUD record has no field for. */
export interface StageDetail extends StageRecord {
  item: number;
  executionId: string;
  maxAttempts: number;
  waitReason: WaitReason | null;
  workerId: string | null;
  /** Last progress told by `onProgress`, as given; null before the first. */
  progress: { progress: number; message: string } | null;
}

/** One run in full. */
export interface RunDetail {
  run: RunRecord;
  stages: StageDetail[];
  artifacts: ArtifactRecord[];
}

/** An event that a consumer will not get again by itself. */
export interface DeadLetterRecord {
  consumer: string;
  event: OutboxRecord;
  tries: number;
  deadAt: Date;
  error: string | null;
}

/** Runs by workflow and status. */
export interface RunCount {
  workflowId: string;
  status: Status;
  count: number;
}

/** An event in the feed of all events, with the cursor behind it. */
export interface FeedEvent extends OutboxRecord {
  cursor: string;
}

/** Published events of every run, and the cursor to go on from: the one given when there is nothing new. */
export interface EventFeed {
  items: FeedEvent[];
  cursor: string;
}

/** Read-only queries; required of our stores, optional for others. */
export interface Reader {
  listRuns(filter?: RunFilter, page?: PageRequest): Promise<Page<RunRecord>>;
  getRunDetail(workflowRunId: string): Promise<RunDetail | null>;
  /** Oldest first. */
  listLogs(workflowRunId: string, page?: PageRequest): Promise<Page<LogRecord>>;
  listAttempts(workflowRunId: string, stageId?: string): Promise<AttemptRecord[]>;
  /** Published events with a sequence greater than `after` (default 0), in order. */
  listEvents(workflowRunId: string, after?: number, limit?: number): Promise<OutboxRecord[]>;
  /**
   * Published events of all runs after `after`, in the order of the store; those of one run in theirs. Nothing is ever published before a
   * cursor that was given out. By default from the first event kept. At most `limit` (default 500).
   */
  listAllEvents?(after?: string, limit?: number): Promise<EventFeed>;
  /** The cursor behind everything published so far. */
  lastEventCursor?(): Promise<string>;
  listDeadLetters(page?: PageRequest): Promise<Page<DeadLetterRecord>>;
  countRuns(): Promise<RunCount[]>;
}
