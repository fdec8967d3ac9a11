// Model calls in the tables of a Prisma client (P23): the older port, over the ledger. `logCall` waits for nothing; what it noted is
// written before anything is read.
import { WorkflowEngineError } from "../errors.ts";
import type { AICallInput, AICallLogger, AICallStats, Ledger, ModelStats } from "../ports/ledger.ts";
import { closedCallOf } from "../store/logged-call.ts";
import { toDollars } from "../store/pico-dollars.ts";
import type { CallRecord } from "./call-records.ts";
import { belowTopic } from "./call-rows.ts";
import type { PrismaClientLike, Row } from "./client.ts";
import type { KeyRecord } from "./key-rows.ts";
import { batchKeyType, PrismaLedger } from "./ledger.ts";
import { callModel, keyModel } from "./models.ts";
import { Rows } from "./rows.ts";
import { type PrismaAdapterOptions, PrismaSession } from "./session.ts";

/** Keeps model calls in the table of a Prisma client. */
export class PrismaAICallLogger implements AICallLogger {
  readonly session: PrismaSession;
  readonly ledger: Ledger;
  #pending: Promise<unknown> = Promise.resolve();

  /** Takes a generated client; opens nothing until its first use. */
  constructor(prisma: PrismaClientLike, options: PrismaAdapterOptions = {}) {
    this.session = new PrismaSession(prisma, options);
    this.ledger = new PrismaLedger(this.session, () => this.flush());
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
    await this.ledger.record(closedCallOf(call));
  }

  async logBatchResults(batchId: string, results: AICallInput[]): Promise<void> {
    await this.ledger.recordBatch(batchId, results.map(closedCallOf));
  }

  async getStats(topicPrefix: string): Promise<AICallStats> {
    await this.flush();
    const where = belowTopic(this.session, topicPrefix);
    const groups = await this.session.step((inner) =>
      inner.of(callModel).groupBy({ by: ["modelKey"], where, _count: true, _sum: { inputTokens: true, outputTokens: true, cost: true } }),
    );
    const models = groups.map((group) => this.#statsOf(group)).sort(([a], [b]) => (a < b ? -1 : 1));
    const sum = (field: keyof ModelStats): number => models.reduce((total, [, stats]) => total + stats[field], 0);
    const totals = { totalCalls: sum("calls"), totalInputTokens: sum("inputTokens"), totalOutputTokens: sum("outputTokens") };
    return { ...totals, totalCost: sum("cost"), perModel: Object.fromEntries(models) };
  }

  async isRecorded(batchId: string): Promise<boolean> {
    const where = { key: batchId, commandType: batchKeyType };
    return (await this.session.step((inner) => new Rows<KeyRecord>(inner, keyModel).find(where))) !== null;
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

  #statsOf(group: Row): [string, ModelStats] {
    const { inputTokens, outputTokens, cost } = this.session.codec(callModel).toRecord<CallRecord>(group["_sum"] as Row);
    return [String(group["modelKey"]), { calls: Number(group["_count"]), inputTokens, outputTokens, cost: toDollars(cost ?? 0n) }];
  }
}
