// The commands: what a caller may ask of the kernel, and what it is answered. The names and fields are the public contract.
import type { RunBudgetInput } from "../../define/policy.ts";
import type { Rerun } from "../rules/rerun.ts";

/** Creates a run; the same key and payload answer the same run (P1, P2). */
export interface RunCreateCommand {
  type: "run.create";
  idempotencyKey: string;
  workflowId: string;
  input: unknown;
  /** Config by stage id, merged over the workflow's defaults. */
  config?: Record<string, unknown> | undefined;
  /** Higher first; default 5. */
  priority?: number | undefined;
  metadata?: Record<string, unknown> | undefined;
  /** The run's id, when the caller has one for it; a run of that id must not exist. A fresh one when absent. */
  workflowRunId?: string | undefined;
  /** Not before this instant; at once when absent. */
  startAt?: Date | undefined;
  /** The run this one belongs to. */
  parentRunId?: string | undefined;
  /** What its model calls may spend; what is left out is the workflow's own budget. */
  budget?: RunBudgetInput | undefined;
}

/** Claims pending runs and opens their first group (P3). */
export interface RunClaimPendingCommand {
  type: "run.claimPending";
  workerId: string;
  /** Default 10. */
  maxClaims?: number | undefined;
}

/** Opens the next group of a run, or ends it (P4). */
export interface RunTransitionCommand {
  type: "run.transition";
  workflowRunId: string;
}

/** Cancels a run (P8). */
export interface RunCancelCommand {
  type: "run.cancel";
  workflowRunId: string;
  reason?: string | undefined;
}

/** Runs an ended run again from a stage (P9). */
export interface RunRerunFromCommand {
  type: "run.rerunFrom";
  workflowRunId: string;
  fromStageId: string;
  idempotencyKey?: string | undefined;
}

/** Moves runs that nothing else will move (P17). */
export interface RunReapStuckCommand {
  type: "run.reapStuck";
  /** Milliseconds a run must have been stuck. */
  stuckThresholdMs: number;
}

/** Deletes an ended run with all that belongs to it, blobs included (P22). */
export interface RunDeleteCommand {
  type: "run.delete";
  workflowRunId: string;
}

/** Raises what a run, or one stage of it, may spend, and continues the stages that were held for it. */
export interface BudgetRaiseCommand {
  type: "budget.raise";
  workflowRunId: string;
  /** The stage whose own budget is raised; the run's when absent. */
  stageId?: string | undefined;
  /** New limit in dollars; a lower one than there is changes nothing. */
  usd?: number | undefined;
  /** New limit in tokens; a lower one than there is changes nothing. */
  tokens?: number | undefined;
}

/** Executes one stage and settles it; the next group is opened by run.transition. */
export interface JobExecuteCommand {
  type: "job.execute";
  idempotencyKey?: string | undefined;
  workflowRunId: string;
  workflowId: string;
  stageId: string;
  /** Config by stage id; the run's stored config when absent. */
  config?: Record<string, unknown> | undefined;
  jobId?: string | undefined;
  executionId?: string | undefined;
  /** Number of this try, from 1. */
  attempt?: number | undefined;
  maxAttempts?: number | undefined;
  workerId?: string | undefined;
  /** Who tries again after a failure; nobody when absent and the command names no job. */
  retry?: "engine" | "caller" | undefined;
}

/** Looks at suspended stages that are due (P10). */
export interface StagePollSuspendedCommand {
  type: "stage.pollSuspended";
  /** Default 50. */
  maxChecks?: number | undefined;
}

/** Puts the jobs of dead workers back (P14). */
export interface LeaseReapStaleCommand {
  type: "lease.reapStale";
  staleThresholdMs: number;
}

/** Publishes events (P18). */
export interface OutboxFlushCommand {
  type: "outbox.flush";
  /** Default 100. */
  maxEvents?: number | undefined;
}

/** Makes dead letters deliverable again. */
export interface PluginReplayDLQCommand {
  type: "plugin.replayDLQ";
  /** Default 100. */
  maxEvents?: number | undefined;
}

/** Answer of job.execute. */
export interface JobExecuteResult {
  outcome: "completed" | "suspended" | "failed";
  output?: unknown;
  error?: string;
  nextPollAt?: Date;
  /** The execution had lost its stage; nothing was written. */
  discarded?: boolean;
  /** Another try will follow, or may. */
  retryable?: boolean;
}

/** Command and answer by command type. */
export interface CommandMap {
  "run.create": { command: RunCreateCommand; result: { workflowRunId: string; status: "PENDING" } };
  "run.claimPending": {
    command: RunClaimPendingCommand;
    result: { claimed: Array<{ workflowRunId: string; workflowId: string; jobIds: string[] }> };
  };
  "run.transition": {
    command: RunTransitionCommand;
    result: { action: "advanced" | "completed" | "failed" | "noop"; nextGroup?: number };
  };
  "run.cancel": { command: RunCancelCommand; result: { cancelled: boolean } };
  "run.rerunFrom": { command: RunRerunFromCommand; result: Rerun };
  "run.reapStuck": { command: RunReapStuckCommand; result: { transitioned: number; failed: number } };
  "budget.raise": { command: BudgetRaiseCommand; result: { resumedStages: string[] } };
  "run.delete": { command: RunDeleteCommand; result: { deleted: boolean } };
  "job.execute": { command: JobExecuteCommand; result: JobExecuteResult };
  "stage.pollSuspended": {
    command: StagePollSuspendedCommand;
    result: { checked: number; resumed: number; failed: number; resumedWorkflowRunIds: string[] };
  };
  "lease.reapStale": { command: LeaseReapStaleCommand; result: { released: number } };
  "outbox.flush": { command: OutboxFlushCommand; result: { published: number } };
  "plugin.replayDLQ": { command: PluginReplayDLQCommand; result: { replayed: number } };
}

/** Name of a command. */
export type CommandType = keyof CommandMap;
/** Any command. */
export type KernelCommand = CommandMap[CommandType]["command"];
/** The command of one type. */
export type CommandOf<T extends CommandType> = CommandMap[T]["command"];
/** The answer to a command. */
export type CommandResult<C extends KernelCommand> = CommandMap[C["type"]]["result"];
