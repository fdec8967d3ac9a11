// Rows of model calls and of budgets. Money may be greater than what a number holds exactly, so it travels as text. Who writes several
// tables goes by runs, then budgets, then calls, so that nobody waits in a circle.
import type { BudgetLimit, CallPrice, CallStatus, CallUsage, ExecutionSum, LedgerRow, OpenCall } from "../../ports/ledger.ts";
import type { BudgetState } from "../../store/call-budget.ts";
import { originOfTopic } from "../../store/call-topics.ts";
import type { Row } from "../db.ts";
import { forOne, forRows } from "../dialect.ts";
import { fromText, toDate, toText } from "../records/json-text.ts";

/** Inserts calls. */
export const insertCalls = forRows(
  "insert_ai_calls",
  {
    id: "text",
    opened_at: "int",
    closed_at: "int",
    topic: "text",
    call_type: "text",
    model_key: "text",
    model_id: "text",
    prompt: "text",
    response: "text",
    status: "text",
    run_id: "text",
    stage_id: "text",
    attempt: "int",
    execution_id: "text",
    input_tokens: "int",
    output_tokens: "int",
    cached_tokens: "int",
    reasoning_tokens: "int",
    cost_pico: "int",
    is_estimated: "int",
    price: "text",
    latency_ms: "int",
    error: "text",
    metadata: "text",
  },
  (_, { insert }) => insert("ai_calls"),
);

/** What is known of a call besides what its opener said. */
export interface CallState {
  openedAt: number;
  closedAt: number | null;
  status: CallStatus;
  response: string;
  usage: CallUsage;
  isEstimated: boolean;
  latencyMs: number | null;
  error: string | null;
}

/** Parameters of `insertCalls`. */
export function insertCallRow(call: Omit<OpenCall, "worst" | "stageBudget">, state: CallState): Row {
  const named = originOfTopic(call.topic);
  const { usage } = state;
  return [
    call.id,
    state.openedAt,
    state.closedAt,
    call.topic,
    call.callType,
    call.modelKey,
    call.modelId,
    call.prompt,
    state.response,
    state.status,
    call.runId ?? named.runId,
    call.stageId ?? named.stageId,
    call.attempt,
    call.executionId,
    usage.inputTokens,
    usage.outputTokens,
    usage.cachedInputTokens ?? 0,
    usage.reasoningTokens ?? 0,
    toPicoText(usage.costPico),
    state.isEstimated ? 1 : 0,
    priceText(call.price),
    state.latencyMs,
    state.error,
    toText(call.metadata),
  ];
}

/** Ends an open call; an answer of 0 rows says that somebody else has. */
export const endCall = forOne(
  "end_ai_call",
  {
    id: "text",
    closed_at: "int",
    response: "text",
    status: "text",
    input_tokens: "int",
    output_tokens: "int",
    cached_tokens: "int",
    reasoning_tokens: "int",
    cost_pico: "text",
    is_estimated: "int",
    latency_ms: "int",
    error: "text",
    metadata: "text",
  },
  (p) => `UPDATE ai_calls SET closed_at = ${p.closed_at}, response = ${p.response}, status = ${p.status}, input_tokens = ${p.input_tokens},
    output_tokens = ${p.output_tokens}, cached_tokens = ${p.cached_tokens}, reasoning_tokens = ${p.reasoning_tokens},
    cost_pico = CAST(${p.cost_pico} AS BIGINT), is_estimated = ${p.is_estimated}, latency_ms = ${p.latency_ms}, error = ${p.error},
    metadata = ${p.metadata} WHERE id = ${p.id} AND status = 'open'`,
);

/** Adds to the totals of a run. */
export const addToRun = forOne("add_call_to_run", { id: "text", pico: "text", tokens: "int" }, (p) => {
  return `UPDATE runs SET total_cost_pico = total_cost_pico + CAST(${p.pico} AS BIGINT), total_tokens = total_tokens + ${p.tokens}
    WHERE id = ${p.id}`;
});

/** Keeps a stage's budget from its first call on; the run's says what happens when it is exceeded. */
export const ensureStageBudget = forOne(
  "ensure_stage_budget",
  { run_id: "text", stage_id: "text", usd_pico: "text", tokens: "int" },
  (p) => {
    return `INSERT INTO ai_budgets (run_id, stage_id, usd_pico, tokens, on_exceed, spent_pico, spent_tokens)
    VALUES (${p.run_id}, ${p.stage_id}, CAST(${p.usd_pico} AS BIGINT), ${p.tokens},
      coalesce((SELECT b.on_exceed FROM ai_budgets b WHERE b.run_id = ${p.run_id} AND b.stage_id = ''), 'hold'), 0, 0)
    ON CONFLICT (run_id, stage_id) DO NOTHING`;
  },
);

/** The budgets that a call of this stage counts against: the run's first. */
export const loadBudgets = forOne("load_budgets", { run_id: "text", stage_id: "text" }, (p) => {
  return `SELECT stage_id, CAST(usd_pico AS TEXT), tokens, on_exceed, CAST(spent_pico AS TEXT), spent_tokens FROM ai_budgets
    WHERE run_id = ${p.run_id} AND (stage_id = '' OR stage_id = ${p.stage_id}) ORDER BY stage_id`;
});

/** Reserves in one budget, if it fits: looks and writes in one statement, so that parallel calls cannot overshoot. */
export const reserve = forOne("reserve_in_budget", { run_id: "text", stage_id: "text", pico: "text", tokens: "int" }, (p) => {
  return `UPDATE ai_budgets SET spent_pico = spent_pico + CAST(${p.pico} AS BIGINT), spent_tokens = spent_tokens + ${p.tokens}
    WHERE run_id = ${p.run_id} AND stage_id = ${p.stage_id}
      AND (usd_pico IS NULL OR spent_pico + CAST(${p.pico} AS BIGINT) <= usd_pico)
      AND (ai_budgets.tokens IS NULL OR spent_tokens + ${p.tokens} <= ai_budgets.tokens)`;
});

/** Adds to every budget that a call of this stage counts against; what has been spent has been spent. */
export const addToBudgets = forOne("add_to_budgets", { run_id: "text", stage_id: "text", pico: "text", tokens: "int" }, (p) => {
  return `UPDATE ai_budgets SET spent_pico = spent_pico + CAST(${p.pico} AS BIGINT), spent_tokens = spent_tokens + ${p.tokens}
    WHERE run_id = ${p.run_id} AND (stage_id = '' OR stage_id = ${p.stage_id})`;
});

/** A row of `loadBudgets`. */
export function readBudget(row: Row): BudgetState {
  const [stageId, usd, tokens, onExceed, spent, spentTokens] = row;
  return {
    stageId: stageId === "" ? null : (stageId as string),
    limit: { usdPico: fromPicoText(usd as string | null), tokens: tokens === null ? null : Number(tokens) },
    onExceed: onExceed as BudgetState["onExceed"],
    spentPico: BigInt(spent as string),
    spentTokens: Number(spentTokens),
  };
}

/** Columns of a call, as `readCall` expects them. */
export const callColumns = `c.id, c.opened_at, c.closed_at, c.topic, c.call_type, c.model_key, c.model_id, c.prompt, c.response, c.status, c.run_id,
  c.stage_id, c.attempt, c.execution_id, c.input_tokens, c.output_tokens, c.cached_tokens, c.reasoning_tokens, CAST(c.cost_pico AS TEXT),
  c.is_estimated, c.price, c.latency_ms, c.error, c.metadata`;

/** One call. */
export const loadCall = forOne("load_ai_call", { id: "text" }, (p) => `SELECT ${callColumns} FROM ai_calls c WHERE c.id = ${p.id}`);

/** A call's row. */
export function readCall(row: Row): LedgerRow {
  return {
    id: row[0] as string,
    openedAt: new Date(Number(row[1])),
    closedAt: toDate(row[2]),
    topic: row[3] as string,
    callType: row[4] as LedgerRow["callType"],
    modelKey: row[5] as string,
    modelId: row[6] as string,
    prompt: row[7] as string,
    response: row[8] as string,
    status: row[9] as CallStatus,
    runId: row[10] as string | null,
    stageId: row[11] as string | null,
    attempt: row[12] === null ? null : Number(row[12]),
    executionId: row[13] as string | null,
    inputTokens: Number(row[14]),
    outputTokens: Number(row[15]),
    cachedInputTokens: Number(row[16]),
    reasoningTokens: Number(row[17]),
    costPico: fromPicoText(row[18] as string | null),
    isEstimated: Number(row[19]) === 1,
    price: priceOf(row[20] as string | null),
    latencyMs: row[21] === null ? null : Number(row[21]),
    error: row[22] as string | null,
    metadata: fromText<Record<string, unknown>>(row[23] as string | null),
  };
}

/** Sums over the calls of a run, by execution. */
export const sumByExecution = forOne("sum_ai_calls_by_execution", { run_id: "text" }, (p) => {
  return `SELECT call_type, stage_id, execution_id, status, is_estimated, count(*), count(*) - count(cost_pico), sum(input_tokens), sum(output_tokens),
    CAST(coalesce(sum(cost_pico), 0) AS TEXT) FROM ai_calls WHERE run_id = ${p.run_id} GROUP BY call_type, stage_id, execution_id, status, is_estimated`;
});

/** A row of `sumByExecution`. */
export function readExecutionSum(row: Row): ExecutionSum {
  const [callType, stageId, executionId, status, isEstimated, calls, unpriced, inputTokens, outputTokens, cost] = row;
  return {
    callType: callType as ExecutionSum["callType"],
    ...{ stageId: stageId as string | null, executionId: executionId as string | null, status: status as CallStatus },
    ...{ isEstimated: Number(isEstimated) === 1, calls: Number(calls), unpriced: Number(unpriced) },
    ...{ inputTokens: Number(inputTokens), outputTokens: Number(outputTokens), costPico: BigInt(cost as string) },
  };
}

/** Money as it is bound. */
export function toPicoText(pico: bigint | null): string | null {
  return pico === null ? null : pico.toString();
}

/** A limit as it is bound. */
export function limitRow({ usdPico, tokens }: BudgetLimit): [string | null, number | null] {
  return [toPicoText(usdPico), tokens];
}

function fromPicoText(text: string | null): bigint | null {
  return text === null ? null : BigInt(text);
}

function priceText(price: CallPrice | null): string | null {
  return price && JSON.stringify({ in: price.inputPico.toString(), out: price.outputPico.toString(), asOf: price.asOf });
}

function priceOf(text: string | null): CallPrice | null {
  const stored = fromText<{ in: string; out: string; asOf: string | null }>(text);
  return stored && { inputPico: BigInt(stored.in), outputPico: BigInt(stored.out), asOf: stored.asOf };
}
