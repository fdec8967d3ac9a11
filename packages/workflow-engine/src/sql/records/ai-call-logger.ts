// Model calls in the database (P23). `logCall` waits for nothing; the calls are written before anything reads them, and before the store
// closes.
import type { Environment } from "../../ports/environment.ts";
import type { AICallInput, AICallLogger, AICallStats, ModelStats } from "../../ports/ledger.ts";
import type { Row, Session } from "../db.ts";
import { forOne, forRows } from "../dialect.ts";
import { toText } from "./json-text.ts";
import { RowQueue } from "./row-queue.ts";
import type { Steps } from "./steps.ts";

const insertCalls = forRows(
  "insert_ai_calls",
  {
    created_at: "int",
    topic: "text",
    call_type: "text",
    model_key: "text",
    model_id: "text",
    prompt: "text",
    response: "text",
    input_tokens: "int",
    output_tokens: "int",
    cost: "real",
    metadata: "text",
  },
  (_, { insert }) => insert("ai_calls"),
);
const insertBatch = forOne("insert_ai_batch", { batch_id: "text", created_at: "int" }, (p) => {
  return `INSERT INTO ai_batches (batch_id, created_at) VALUES (${p.batch_id}, ${p.created_at}) ON CONFLICT (batch_id) DO NOTHING`;
});
const findBatch = forOne("find_ai_batch", { batch_id: "text" }, (p) => `SELECT 1 FROM ai_batches WHERE batch_id = ${p.batch_id}`);
const sums = "SELECT model_key, count(*), sum(input_tokens), sum(output_tokens), sum(cost) FROM ai_calls";
const sumAll = forOne("sum_all_ai_calls", {}, () => `${sums} GROUP BY model_key ORDER BY model_key`);
// below a topic are those that begin with it and a dot; "/" comes right after the dot
const sumBelow = forOne("sum_ai_calls", { topic: "text", first: "text", last: "text" }, (p, dialect) => {
  const topic = dialect.name === "sqlite" ? "topic" : `topic COLLATE "C"`;
  return `${sums} WHERE topic = ${p.topic} OR (${topic} >= ${p.first} AND ${topic} < ${p.last}) GROUP BY model_key ORDER BY model_key`;
});

/** Keeps model calls in a SQL database. */
export class SqlAICallLogger implements AICallLogger {
  readonly #steps: Steps;
  readonly #environment: Pick<Environment, "now">;
  readonly #queue: RowQueue;

  constructor(steps: Steps, environment: Pick<Environment, "now">) {
    this.#steps = steps;
    this.#environment = environment;
    this.#queue = new RowQueue(steps, insertAll);
  }

  /** Takes note of a call; it is in the database soon after. */
  logCall(call: AICallInput): void {
    this.#queue.add(rowOf(call, this.#environment.now()));
  }

  async logBatchResults(batchId: string, results: AICallInput[]): Promise<void> {
    await this.#steps.write(async ({ session, now }) => {
      if ((await session.write(insertBatch, [[batchId, now]])) === 0) return;
      await insertAll(
        session,
        results.map((result) => rowOf(result, now)),
      );
    });
  }

  async getStats(topicPrefix: string): Promise<AICallStats> {
    await this.flush();
    const rows = await this.#steps.read(({ session }) =>
      topicPrefix === "" ? session.read(sumAll, [[]]) : session.read(sumBelow, [[topicPrefix, `${topicPrefix}.`, `${topicPrefix}/`]]),
    );
    const models = rows.map(([model, calls, input, output, cost]): [string, ModelStats] => {
      return [model as string, { calls: Number(calls), inputTokens: Number(input), outputTokens: Number(output), cost: Number(cost) }];
    });
    const sum = (field: keyof ModelStats): number => models.reduce((total, [, stats]) => total + stats[field], 0);
    const totals = { totalCalls: sum("calls"), totalInputTokens: sum("inputTokens"), totalOutputTokens: sum("outputTokens") };
    return { ...totals, totalCost: sum("cost"), perModel: Object.fromEntries(models) };
  }

  async isRecorded(batchId: string): Promise<boolean> {
    return (await this.#steps.read(({ session }) => session.read(findBatch, [[batchId]]))).length > 0;
  }

  /** Writes every call noted so far. */
  flush(): Promise<void> {
    return this.#queue.flush();
  }
}

async function insertAll(session: Session, rows: readonly Row[]): Promise<void> {
  if (rows.length > 0) await session.write(insertCalls, rows);
}

function rowOf(call: AICallInput, now: number): Row {
  const { topic, callType, modelKey, modelId, prompt, response, inputTokens, outputTokens, cost } = call;
  return [now, topic, callType, modelKey, modelId, prompt, response, inputTokens, outputTokens, cost, toText(call.metadata)];
}
