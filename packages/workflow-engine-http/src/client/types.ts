// What the client gives: the API's own schemas as types. Instants of records are ISO 8601 texts; those of events are Dates.
import type { KernelEvent } from "@bratsos/workflow-engine/client";
import type { z } from "zod";
import type * as schemas from "../schemas/index.ts";

/** State of a run or stage. */
export type Status = z.output<typeof schemas.statusSchema>;
/** A run as it stands in a list. */
export type RunSummary = z.output<typeof schemas.runSummary>;
/** A run, its stages, attempts and artifacts. */
export type RunDetail = z.output<typeof schemas.runDetail>;
/** A log line. */
export type LogLine = z.output<typeof schemas.logLine>;
/** One try of a stage. */
export type Attempt = z.output<typeof schemas.attempt>;
/** A workflow that can be started. */
export type WorkflowDescription = z.output<typeof schemas.workflow>;
/** Runs by workflow and status. */
export type RunCount = z.output<typeof schemas.runCount>;

/** An event: its place in its run, and its place for whoever wants to go on behind it. */
export type ClientEvent = KernelEvent & { eventId: string; sequence: number; cursor: string };

/** An event that a consumer did not get; its instants are texts. */
export type DeadLetter = z.output<typeof schemas.deadLetter>;

/** Rows, and the cursor of the next page; null at the end. */
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** A page: at most `limit` (default 50, at most 500) rows after `cursor`. */
export interface PageOptions {
  limit?: number | undefined;
  cursor?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Narrows a list of runs; newest first. */
export interface ListRunsOptions extends PageOptions {
  workflowId?: string | undefined;
  status?: Status | undefined;
  createdAfter?: Date | undefined;
  createdBefore?: Date | undefined;
}

/** Options of a start. */
export interface StartOptions {
  /** The same key answers the same run; a fresh one when absent, so that the client's own retries start one run. */
  idempotencyKey?: string | undefined;
  config?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
  /** Higher first; default 5. */
  priority?: number | undefined;
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Not before this instant. */
  startAt?: Date | undefined;
  signal?: AbortSignal | undefined;
}
