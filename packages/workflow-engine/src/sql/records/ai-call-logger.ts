// Model calls in the database (P23). `logCall` waits for nothing; the calls are written before anything reads them, and before the store
// closes.
import type { Environment } from "../../ports/environment.ts";
import type { AICallInput, AICallLogger, AICallStats, ClosedCall, ModelStats } from "../../ports/ledger.ts";
import { closedCallOf } from "../../store/logged-call.ts";
import { toDollars } from "../../store/pico-dollars.ts";
import { forOne } from "../dialect.ts";
import { insertClosed, SqlLedger } from "./ledger.ts";
import { RowQueue } from "./row-queue.ts";
import type { Steps } from "./steps.ts";

const findBatch = forOne("find_ai_batch", { batch_id: "text" }, (p) => `SELECT 1 FROM ai_batches WHERE batch_id = ${p.batch_id}`);
const sums = `SELECT model_key, count(*), sum(input_tokens), sum(output_tokens), CAST(coalesce(sum(cost_pico), 0) AS TEXT) FROM ai_calls`;
const sumAll = forOne("sum_all_ai_calls", {}, () => `${sums} GROUP BY model_key ORDER BY model_key`);
// below a topic are those that begin with it and a dot; "/" comes right after the dot
const sumBelow = forOne("sum_ai_calls", { topic: "text", first: "text", last: "text" }, (p, dialect) => {
  const topic = dialect.name === "sqlite" ? "topic" : `topic COLLATE "C"`;
  return `${sums} WHERE topic = ${p.topic} OR (${topic} >= ${p.first} AND ${topic} < ${p.last}) GROUP BY model_key ORDER BY model_key`;
});

/** Keeps model calls in a SQL database. */
export class SqlAICallLogger implements AICallLogger {
  readonly ledger: SqlLedger;
  readonly #steps: Steps;
  readonly #environment: Pick<Environment, "now" | "newId">;
  readonly #queue: RowQueue<{ id: string; call: ClosedCall }>;

  constructor(steps: Steps, environment: Pick<Environment, "now" | "newId">) {
    this.#steps = steps;
    this.#environment = environment;
    this.#queue = new RowQueue(steps, (session, calls) => insertClosed(session, calls, environment.now()));
    this.ledger = new SqlLedger(steps, environment, () => this.flush());
  }

  /** Takes note of a call; it is in the database soon after. */
  logCall(call: AICallInput): void {
    this.#queue.add({ id: this.#environment.newId(), call: closedCallOf(call) });
  }

  async record(call: AICallInput): Promise<void> {
    await this.ledger.record(closedCallOf(call));
  }

  async logBatchResults(batchId: string, results: AICallInput[]): Promise<void> {
    await this.ledger.recordBatch(batchId, results.map(closedCallOf));
  }

  async getStats(topicPrefix: string): Promise<AICallStats> {
    await this.flush();
    const rows = await this.#steps.read(({ session }) =>
      topicPrefix === "" ? session.read(sumAll, [[]]) : session.read(sumBelow, [[topicPrefix, `${topicPrefix}.`, `${topicPrefix}/`]]),
    );
    const models = rows.map(([model, calls, input, output, cost]) => ({
      ...{ model: model as string, calls: Number(calls), inputTokens: Number(input), outputTokens: Number(output) },
      pico: BigInt(cost as string),
    }));
    const sum = (field: "calls" | "inputTokens" | "outputTokens"): number => models.reduce((total, stats) => total + stats[field], 0);
    const totals = { totalCalls: sum("calls"), totalInputTokens: sum("inputTokens"), totalOutputTokens: sum("outputTokens") };
    const totalCost = toDollars(models.reduce((total, { pico }) => total + pico, 0n));
    const perModel = models.map(({ model, pico, ...counts }): [string, ModelStats] => [model, { ...counts, cost: toDollars(pico) }]);
    return { ...totals, totalCost, perModel: Object.fromEntries(perModel) };
  }

  async isRecorded(batchId: string): Promise<boolean> {
    return (await this.#steps.read(({ session }) => session.read(findBatch, [[batchId]]))).length > 0;
  }

  /** Writes every call noted so far. */
  flush(): Promise<void> {
    return this.#queue.flush();
  }
}
