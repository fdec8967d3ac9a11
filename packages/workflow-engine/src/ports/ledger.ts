// The ledger of model calls (P23): a row is opened before a call is made and closed once after it. What it cost counts as pico-dollars
// (10^12 to the dollar); a row that nobody closed counts at its worst case, and says so. `AICallLogger` is the older, smaller port.

/** Kind of a model call. */
export type AICallType = "text" | "object" | "embed" | "stream" | "batch";

/** One model call as logged. Cost is US dollars. */
export interface AICallInput {
  topic: string;
  callType: AICallType;
  modelKey: string;
  modelId: string;
  prompt: string;
  response: string;
  inputTokens: number;
  outputTokens: number;
  cost: number;
  metadata?: Record<string, unknown> | undefined;
}

/** One model call as stored. */
export interface AICallRecord {
  id: string;
  createdAt: Date;
  topic: string;
  callType: AICallType;
  modelKey: string;
  modelId: string;
  prompt: string;
  response: string;
  inputTokens: number;
  outputTokens: number;
  cost: number;
  metadata: Record<string, unknown> | null;
}

/** Sums over the calls of one model. */
export interface ModelStats {
  calls: number;
  inputTokens: number;
  outputTokens: number;
  cost: number;
}

/** Sums over the calls below a topic. */
export interface AICallStats {
  totalCalls: number;
  totalInputTokens: number;
  totalOutputTokens: number;
  totalCost: number;
  perModel: Record<string, ModelStats>;
}

/** Where a call stands: open until somebody knows how it ended; aborted by its caller, who does not know what it cost. */
export type CallStatus = "open" | "ok" | "failed" | "aborted";

/** Tokens of a call, and what they cost in pico-dollars; null when the model's price is not known. */
export interface CallUsage {
  inputTokens: number;
  /** Reasoning tokens included. */
  outputTokens: number;
  /** Of the input tokens, those read from the provider's cache. */
  cachedInputTokens?: number | undefined;
  /** Of the output tokens, those spent on reasoning. */
  reasoningTokens?: number | undefined;
  costPico: bigint | null;
}

/** Prices a cost was computed with, in pico-dollars a token. */
export interface CallPrice {
  inputPico: bigint;
  outputPico: bigint;
  /** ISO date on which the prices were looked up; null when nobody said. */
  asOf: string | null;
}

/** Who made a call; all null outside a run. */
export interface CallOrigin {
  runId: string | null;
  stageId: string | null;
  attempt: number | null;
  executionId: string | null;
}

/** What a stage may spend in its run, all its attempts together; null is no limit. */
export interface BudgetLimit {
  usdPico: bigint | null;
  tokens: number | null;
}

/** A budget as a run keeps it. */
export interface RunBudget extends BudgetLimit {
  onExceed: "hold" | "fail";
}

/** A call about to be made. */
export interface OpenCall extends CallOrigin {
  id: string;
  topic: string;
  callType: AICallType;
  modelKey: string;
  modelId: string;
  prompt: string;
  /** What it counts as until it is closed; reserved in the budgets of its run and stage. */
  worst: CallUsage;
  price: CallPrice | null;
  /** The budget its stage declares; kept from the stage's first call on. */
  stageBudget?: BudgetLimit | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** Why a call was not opened: it does not fit into what is left. */
export interface BudgetRefusal {
  /** Whose budget it is. */
  scope: "run" | "stage";
  trippedBy: "usd" | "tokens";
  onExceed: "hold" | "fail";
  limit: BudgetLimit;
  /** Spent and reserved so far. */
  spentPico: bigint;
  spentTokens: number;
  /** What this call may take. */
  neededPico: bigint;
  neededTokens: number;
}

/** How a call ended. */
export interface CallEnd {
  status: Exclude<CallStatus, "open">;
  response: string;
  /** Null when nobody knows: the call goes on counting at its worst case. */
  usage: CallUsage | null;
  latencyMs: number;
  error?: string | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** A call that is recorded when it is over, e.g. one result of a batch. */
export interface ClosedCall extends Omit<OpenCall, "worst" | "stageBudget" | "id"> {
  usage: CallUsage;
  status?: Exclude<CallStatus, "open"> | undefined;
  response: string;
  latencyMs?: number | undefined;
  error?: string | undefined;
}

/** A row of the ledger. */
export interface LedgerRow extends CallOrigin {
  id: string;
  openedAt: Date;
  closedAt: Date | null;
  topic: string;
  callType: AICallType;
  modelKey: string;
  modelId: string;
  prompt: string;
  response: string;
  status: CallStatus;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  reasoningTokens: number;
  /** Null when the model's price is not known. */
  costPico: bigint | null;
  /** True while tokens and cost are the worst case, because nobody knows the actual ones. */
  isEstimated: boolean;
  price: CallPrice | null;
  latencyMs: number | null;
  error: string | null;
  metadata: Record<string, unknown> | null;
}

/** Narrows `listCalls`; oldest first. */
export interface CallFilter {
  runId?: string | undefined;
  /** Whole segments. */
  topicPrefix?: string | undefined;
  status?: CallStatus | undefined;
  /** Default 1,000. */
  limit?: number | undefined;
  /** Ids greater than this: ids are ordered by time. */
  after?: string | undefined;
}

/** Sums over the calls of one kind, of one execution, that share a status. */
export interface ExecutionSum {
  callType: AICallType;
  stageId: string | null;
  executionId: string | null;
  status: CallStatus;
  isEstimated: boolean;
  calls: number;
  /** Of those, how many have no known price. */
  unpriced: number;
  inputTokens: number;
  outputTokens: number;
  costPico: bigint;
}

/** The ledger. Each method is one transaction; the totals of a run change in the transaction of its calls. */
export interface Ledger {
  /** Reserves the worst case and opens the row, both or neither; answers why not, or null. */
  openCall(call: OpenCall): Promise<BudgetRefusal | null>;
  /** Ends an open row, once; false when it has ended already, or there is none. A row left open by a kill is reconciled this way. */
  closeCall(id: string, end: CallEnd): Promise<boolean>;
  /** Records a call that is over; answers its id. */
  record(call: ClosedCall): Promise<string>;
  /** Records a batch's results once, and closes the row that stood for them (at no cost of its own); false when it was recorded before. */
  recordBatch(batchId: string, results: readonly ClosedCall[], stoodForBy?: string | undefined): Promise<boolean>;
  listCalls(filter: CallFilter): Promise<LedgerRow[]>;
  sumByExecution(runId: string): Promise<ExecutionSum[]>;
}

/** Keeps model calls. Topic prefixes match whole dot-separated segments: `workflow.1` does not match `workflow.10`. */
export interface AICallLogger {
  logCall(call: AICallInput): void;
  /** Logs the results of a batch once: a batch already recorded is left as it is. */
  logBatchResults(batchId: string, results: AICallInput[]): Promise<void>;
  getStats(topicPrefix: string): Promise<AICallStats>;
  isRecorded(batchId: string): Promise<boolean>;
  /** Ours: logs a call and resolves once it is kept; `logCall` is used where it is missing. */
  record?(call: AICallInput): Promise<void>;
  /** Ours: the ledger behind this logger. Without it calls are logged when they are over, and budgets cannot be kept. */
  readonly ledger?: Ledger | undefined;
}
