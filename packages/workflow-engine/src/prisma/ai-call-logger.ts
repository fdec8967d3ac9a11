// Model calls in the tables of a Prisma client (P23). `logCall` waits for nothing; what it noted is written before anything is read. A
// batch that was recorded leaves an idempotency key, so that rivals record it once.
import { WorkflowEngineError } from "../errors.ts";
import type { AICallInput, AICallLogger, AICallRecord, AICallStats, ModelStats } from "../ports/ledger.ts";
import type { PrismaClientLike, Row } from "./client.ts";
import { acquireKey, completeKey, type KeyRecord } from "./key-rows.ts";
import { callModel, keyModel } from "./models.ts";
import { Rows } from "./rows.ts";
import { type PrismaAdapterOptions, PrismaSession } from "./session.ts";

/** Command type of the keys that stand for recorded batches; retention leaves them. */
export const batchKeyType = "ai.recordBatch";

/** Keeps model calls in the table of a Prisma client. */
export class PrismaAICallLogger implements AICallLogger {
  readonly #session: PrismaSession;
  #pending: Promise<unknown> = Promise.resolve();

  /** Takes a generated client; opens nothing until its first use. */
  constructor(prisma: PrismaClientLike, options: PrismaAdapterOptions = {}) {
    this.#session = new PrismaSession(prisma, options);
  }

  /** Takes note of a call; it is in the database soon after. An error surfaces at the next call that is awaited. */
  logCall(call: AICallInput): void {
    const noted = this.record(call);
    const before = this.#pending;
    this.#pending = before.then(() => noted);
    this.#pending.catch(() => undefined);
  }

  /** Logs a call and resolves once it is kept. */
  async record(call: AICallInput): Promise<void> {
    const row = this.#rowOf(call);
    await this.#session.step((inner) => callsOf(inner).createAll([row]));
  }

  async logBatchResults(batchId: string, results: AICallInput[]): Promise<void> {
    await this.#session.atomically(async (inner) => {
      const state = await acquireKey(inner, batchId, batchKeyType, {});
      if (state.status !== "acquired") return;
      await callsOf(inner).createAll(results.map((result) => this.#rowOf(result)));
      await completeKey(inner, batchId, batchKeyType, { calls: results.length });
    });
  }

  async getStats(topicPrefix: string): Promise<AICallStats> {
    await this.flush();
    const below = { OR: [{ topic: topicPrefix }, { topic: { gte: `${topicPrefix}.`, lt: `${topicPrefix}/` } }] };
    const where = topicPrefix === "" ? {} : this.#session.isPostgres ? startsWith(topicPrefix) : below;
    const groups = await this.#session.step((inner) =>
      inner.of(callModel).groupBy({ by: ["modelKey"], where, _count: true, _sum: { inputTokens: true, outputTokens: true, cost: true } }),
    );
    const models = groups.map((group) => this.#statsOf(group)).sort(([a], [b]) => (a < b ? -1 : 1));
    const sum = (field: keyof ModelStats): number => models.reduce((total, [, stats]) => total + stats[field], 0);
    const totals = { totalCalls: sum("calls"), totalInputTokens: sum("inputTokens"), totalOutputTokens: sum("outputTokens") };
    return { ...totals, totalCost: sum("cost"), perModel: Object.fromEntries(models) };
  }

  async isRecorded(batchId: string): Promise<boolean> {
    const where = { key: batchId, commandType: batchKeyType };
    return (await this.#session.step((inner) => new Rows<KeyRecord>(inner, keyModel).find(where))) !== null;
  }

  /** Resolves once every call noted so far is in the database; throws STORE_REFUSED when one could not be kept. */
  async flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = Promise.resolve();
    try {
      await pending;
    } catch (cause) {
      throw new WorkflowEngineError("STORE_REFUSED", `A model call could not be logged: ${String(cause)}`, { cause });
    }
  }

  #rowOf(call: AICallInput): Row {
    const { topic, callType, modelKey, modelId, prompt, response, inputTokens, outputTokens, cost, metadata = null } = call;
    const texts = { topic, callType, modelKey, modelId, prompt, response };
    return { id: this.#session.newId(), createdAt: this.#session.now(), ...texts, inputTokens, outputTokens, cost, metadata };
  }

  #statsOf(group: Row): [string, ModelStats] {
    const sums = this.#session.codec(callModel).toRecord<AICallRecord>(group["_sum"] as Row);
    const { inputTokens, outputTokens, cost } = sums;
    return [String(group["modelKey"]), { calls: Number(group["_count"]), inputTokens, outputTokens, cost }];
  }
}

function callsOf(session: PrismaSession): Rows<AICallRecord> {
  return new Rows(session, callModel);
}

/** Prisma escapes nothing that LIKE takes for a pattern. */
function startsWith(topic: string): Row {
  const literal = `${topic}.`.replaceAll(/[\\%_]/g, (sign) => `\\${sign}`);
  return { OR: [{ topic }, { topic: { startsWith: literal } }] };
}
