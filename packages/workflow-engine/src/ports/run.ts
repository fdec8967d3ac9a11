// A run as callers and adapters see it: the record of the CRUD port.
import type { Status } from "./status.ts";

/** One execution of a workflow. Times are Dates, durations milliseconds, cost US dollars. */
export interface RunRecord {
  id: string;
  createdAt: Date;
  updatedAt: Date;
  version: number;
  workflowId: string;
  workflowName: string;
  workflowType: string;
  status: Status;
  startedAt: Date | null;
  completedAt: Date | null;
  duration: number | null;
  input: unknown;
  output: unknown;
  config: Record<string, unknown>;
  totalCost: number;
  totalTokens: number;
  priority: number;
  metadata: Record<string, unknown> | null;
  /** Why the run failed or was cancelled; stores without a column for it leave it out. */
  errorMessage?: string | null | undefined;
}

/** What `createRun` takes; everything but the workflow's names and the input has a default. */
export interface CreateRunInput {
  id?: string | undefined;
  workflowId: string;
  workflowName: string;
  workflowType: string;
  input: unknown;
  config?: Record<string, unknown> | undefined;
  status?: Status | undefined;
  priority?: number | undefined;
  metadata?: Record<string, unknown> | null | undefined;
}

/** What `updateRun` may change; a field left out (or undefined) stays, null clears. */
export interface UpdateRunInput {
  status?: Status | undefined;
  startedAt?: Date | null | undefined;
  completedAt?: Date | null | undefined;
  duration?: number | null | undefined;
  output?: unknown;
  totalCost?: number | undefined;
  totalTokens?: number | undefined;
  metadata?: Record<string, unknown> | null | undefined;
  errorMessage?: string | null | undefined;
  /** Refuses the write with StaleVersionError unless the row still has this version. */
  expectedVersion?: number | undefined;
}
