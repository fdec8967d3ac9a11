// The ledger over an AICallLogger that has none: a call is logged when it is over, and what the logger has no field for goes into its
// metadata. Nothing is kept of a call while it is open, so budgets cannot be held and a killed process leaves no trace.
import { WorkflowEngineError } from "../errors.ts";
import type { AICallInput, AICallLogger, CallEnd, ClosedCall, Ledger, OpenCall } from "../ports/ledger.ts";

/** A call as the older port takes it. */
type Logged = Omit<OpenCall, "worst" | "stageBudget" | "id"> & Pick<ClosedCall, "usage" | "response" | "status" | "error" | "latencyMs">;

/** The logger's own ledger, or one derived from it. */
export function ledgerOf(logger: AICallLogger): Ledger {
  return logger.ledger ?? ledgerOver(logger);
}

function ledgerOver(logger: AICallLogger): Ledger {
  const open = new Map<string, OpenCall>();
  const keep = async (input: AICallInput): Promise<void> => {
    if (logger.record) await logger.record(input);
    else logger.logCall(input);
  };
  const unsupported = (what: string): Promise<never> =>
    Promise.reject(new WorkflowEngineError("NOT_CONFIGURED", `${what} needs a logger with a ledger, as those of our stores are.`));
  return {
    openCall: async (call) => {
      if (call.stageBudget) await unsupported("A stage's budget");
      open.set(call.id, call);
      return null;
    },
    closeCall: async (id, end) => {
      const call = open.get(id);
      if (!call || !open.delete(id)) return false;
      await keep(inputOf({ ...call, ...end, usage: end.usage ?? call.worst }, end.usage === null));
      return true;
    },
    record: async (call) => {
      await keep(inputOf(call, false));
      return "";
    },
    recordBatch: async (batchId, results) => {
      if (await logger.isRecorded(batchId)) return false;
      await logger.logBatchResults(
        batchId,
        results.map((result) => inputOf(result, false)),
      );
      return true;
    },
    listCalls: () => unsupported("Listing calls"),
    sumByExecution: () => unsupported("Summing calls"),
  };
}

function inputOf(call: Logged, isEstimated: boolean): AICallInput {
  const { topic, callType, modelKey, modelId, prompt, response, usage, attempt, executionId, latencyMs, error } = call;
  const status: CallEnd["status"] = call.status ?? "ok";
  const { inputTokens, outputTokens, costPico } = usage;
  const cost = costPico === null ? Number.NaN : Number(costPico) / 1e12;
  const known = Object.entries({ status, attempt, executionId, latencyMs, error, isEstimated: isEstimated || undefined });
  const metadata = { ...call.metadata, ...Object.fromEntries(known.filter(([, value]) => value !== undefined && value !== null)) };
  return { topic, callType, modelKey, modelId, prompt, response, inputTokens, outputTokens, cost, metadata };
}
