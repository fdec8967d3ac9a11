// What a stage's code is handed, and how it reads the outputs of stages before it. A context that declares what it needs is
// typed by that declaration; one that declares nothing reads any id. Falsy outputs are values (P6).

import { WorkflowEngineError } from "../errors.ts";
import type { SuspendedState } from "./outcome.ts";

/** Context of a stage that declares no needs: any id, any output; checked when it runs, not when it compiles. */
// biome-ignore lint/suspicious/noExplicitAny: outputs of undeclared stages have no static type, and authors use them directly
export type UntypedContext = Record<string, any>;

/** Severity of a stage's log line. */
export type LogLevel = "DEBUG" | "INFO" | "WARN" | "ERROR";

/** Writes one log line of the stage, visible while it runs. */
export type StageLog = (level: LogLevel, message: string, meta?: Record<string, unknown> | undefined) => void;

/** Progress of a stage: up to 1 a fraction, above 1 percent. */
export interface ProgressUpdate {
  progress: number;
  message: string;
  details?: Record<string, unknown> | undefined;
  stageId?: string | undefined;
  stageName?: string | undefined;
}

/** Storage of a stage's own files, scoped to its run: two runs that save the same key never collide. */
export interface StageStorage {
  save(key: string, content: unknown): Promise<void>;
  load<T = unknown>(key: string): Promise<T>;
  exists(key: string): Promise<boolean>;
  delete(key: string): Promise<void>;
  /** Returns `workflow-v2/{workflowType}/{runId}/{stageId}/{suffix}`; the suffix is `output.json` when absent. */
  getStageKey(stageId: string, suffix?: string | undefined): string;
}

/** AI helper bound to run, stage and execution; open, so that the AI room can add its methods by declaration merging. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging, because this room may not know the AI room
export interface StageAI {}

/** What `execute` is handed. */
export interface EnhancedStageContext<TInput = unknown, TConfig = unknown, TContext = UntypedContext> {
  readonly workflowRunId: string;
  readonly stageId: string;
  /** Counts from 1. */
  readonly stageNumber: number;
  readonly stageName: string;
  readonly stageRecordId?: string | undefined;
  /** Number of this try, counted from 1; starts again at a rerun or resume. */
  readonly attempt: number;
  /** Identity of this execution, new at every start. */
  readonly executionId: string;
  readonly input: TInput;
  readonly config: TConfig;
  /** The state left at suspension, when the stage was suspended before. */
  readonly resumeState?: SuspendedState | undefined;
  /** Aborts when the run is cancelled, the stage times out or its lease is lost. */
  readonly signal: AbortSignal;
  readonly storage: StageStorage;
  readonly ai: StageAI;
  /** Outputs of the stages of earlier groups, by stage id. */
  readonly workflowContext: TContext;
  readonly log: StageLog;
  readonly onLog: StageLog;
  onProgress(update: ProgressUpdate): void;
  /** Returns the output of an earlier stage; throws MISSING_STAGE_OUTPUT when there is none. */
  require<K extends keyof TContext & string>(stageId: K): Required<TContext>[K];
  /** Returns the output of an earlier stage, undefined when there is none. */
  optional<K extends keyof TContext & string>(stageId: K): TContext[K] | undefined;
}

/** What `execute` is handed; the short name. */
export type StageContext<TInput = unknown, TConfig = unknown, TContext = UntypedContext> = EnhancedStageContext<TInput, TConfig, TContext>;

/** What `checkCompletion` is handed beside the state. */
export interface CheckCompletionContext<TConfig = unknown> {
  readonly workflowRunId: string;
  readonly stageId: string;
  readonly stageRecordId?: string | undefined;
  readonly config: TConfig;
  readonly signal: AbortSignal;
  readonly storage: StageStorage;
  readonly ai: StageAI;
  readonly log: StageLog;
  readonly onLog: StageLog;
}

/** Returns a stage's output from a context, undefined when there is none; 0, "", false and null are outputs. */
// biome-ignore lint/suspicious/noExplicitAny: an untyped context holds outputs of any type, and the caller may name it
export function getStageOutput<T = any>(context: Readonly<Record<string, unknown>>, stageId: string): T | undefined {
  return (Object.hasOwn(context, stageId) ? context[stageId] : undefined) as T | undefined;
}

/** Returns a stage's output, or one field of it; throws MISSING_STAGE_OUTPUT naming what is there. */
// biome-ignore lint/suspicious/noExplicitAny: an untyped context holds outputs of any type, and the caller may name it
export function requireStageOutput<T = any>(context: Readonly<Record<string, unknown>>, stageId: string, field?: string | undefined): T {
  const output = getStageOutput<unknown>(context, stageId);
  if (output === undefined) {
    const available = Object.keys(context).join(", ") || "(none)";
    throw new WorkflowEngineError("MISSING_STAGE_OUTPUT", `Missing required stage output: "${stageId}". Available stages: ${available}`);
  }
  if (field === undefined) return output as T;
  const record = (typeof output === "object" && output !== null ? output : {}) as Record<string, unknown>;
  const value = Object.hasOwn(record, field) ? record[field] : undefined;
  if (value === undefined) {
    const available = Object.keys(record).join(", ") || "(none)";
    throw new WorkflowEngineError(
      "MISSING_STAGE_OUTPUT",
      `Missing required field "${field}" in output of stage "${stageId}". Available fields: ${available}`,
    );
  }
  return value as T;
}

/** Returns the `require` and `optional` of a stage context over the given outputs. */
export function createContextReader(context: Readonly<UntypedContext>): Pick<EnhancedStageContext, "require" | "optional"> {
  return {
    require: (stageId) => requireStageOutput(context, stageId),
    optional: (stageId) => getStageOutput(context, stageId),
  };
}
