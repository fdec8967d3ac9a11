// A model call between the ledger and its row: what is known when it is opened, and when it is over.
import type { CallUsage, ClosedCall, LedgerRow, OpenCall } from "../ports/ledger.ts";
import { originOfTopic } from "../store/call-topics.ts";

/** A model call as kept. */
export interface CallRecord extends Omit<LedgerRow, "openedAt" | "runId" | "costPico" | "price"> {
  createdAt: Date;
  workflowRunId: string | null;
  /** Pico-dollars; null when the model's price is not known. */
  cost: bigint | null;
  price: { in: string; out: string; asOf: string | null } | null;
}

/** The record of a call about to be made. */
export function openRecord(call: Omit<OpenCall, "stageBudget">, openedAt: Date): CallRecord {
  const { id, topic, callType, modelKey, modelId, prompt, price, attempt, executionId, metadata = null } = call;
  const named = originOfTopic(topic);
  const asText = price && { in: price.inputPico.toString(), out: price.outputPico.toString(), asOf: price.asOf };
  return {
    ...{ id, topic, callType, modelKey, modelId, prompt, attempt, executionId, metadata, price: asText, ...usageFields(call.worst) },
    ...{ workflowRunId: call.runId ?? named.runId, stageId: call.stageId ?? named.stageId, createdAt: openedAt, closedAt: null },
    ...{ response: "", status: "open", isEstimated: true, latencyMs: null, error: null },
  };
}

/** The record of a call that is over. */
export function closedRecord(call: ClosedCall, id: string, now: Date): CallRecord {
  const { usage, status = "ok", response, latencyMs = null, error = null, ...rest } = call;
  const opened = openRecord({ ...rest, id, worst: usage }, new Date(now.getTime() - (latencyMs ?? 0)));
  return { ...opened, status, response, latencyMs, error, isEstimated: false, closedAt: now };
}

/** The fields of a record that say what a call used. */
export function usageFields(usage: CallUsage) {
  const { inputTokens, outputTokens, cachedInputTokens = 0, reasoningTokens = 0, costPico: cost } = usage;
  return { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, cost };
}

/** What a record says that its call used. */
export function usageOf({ inputTokens, outputTokens, cachedInputTokens, reasoningTokens, cost }: CallRecord): CallUsage {
  return { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, costPico: cost };
}

/** The ledger's row of a record. Rows that others wrote say less: such a call is over, and its topic tells whose it is. */
export function toLedgerRow({ createdAt, workflowRunId, cost, price, ...record }: CallRecord): LedgerRow {
  return {
    ...record,
    ...{ status: record.status ?? "ok", isEstimated: record.isEstimated ?? false, openedAt: createdAt, runId: workflowRunId },
    ...{ cachedInputTokens: record.cachedInputTokens ?? 0, reasoningTokens: record.reasoningTokens ?? 0, costPico: cost },
    price: price && { inputPico: BigInt(price.in), outputPico: BigInt(price.out), asOf: price.asOf },
  };
}
