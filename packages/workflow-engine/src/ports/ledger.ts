// The log of model calls: what each cost, and which topic it belongs to.

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

/** Keeps model calls. Topic prefixes match whole dot-separated segments: `workflow.1` does not match `workflow.10`. */
export interface AICallLogger {
  logCall(call: AICallInput): void;
  /** Logs the results of a batch once: a batch already recorded is left as it is. */
  logBatchResults(batchId: string, results: AICallInput[]): Promise<void>;
  getStats(topicPrefix: string): Promise<AICallStats>;
  isRecorded(batchId: string): Promise<boolean>;
}
