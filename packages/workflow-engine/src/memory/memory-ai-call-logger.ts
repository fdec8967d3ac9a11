// Model calls in memory, and the questions tests ask about them (P23): the older port over the same ledger.
import { realEnvironment } from "../environment.ts";
import type { Clock, Environment } from "../ports/environment.ts";
import type { AICallInput, AICallLogger, AICallRecord, AICallStats, AICallType, LedgerRow, ModelStats } from "../ports/ledger.ts";
import { isBelowTopic } from "../store/call-topics.ts";
import { closedCallOf } from "../store/logged-call.ts";
import { toDollars } from "../store/pico-dollars.ts";
import { MemoryLedger } from "./memory-ledger.ts";
import { MemoryTables } from "./memory-tables.ts";

/** A call to look for: fields it must have, or a test of its own. */
export type CallMatcher = Partial<AICallRecord> | ((call: AICallRecord) => boolean);

/** Where calls get their time and ids, and which store's runs they belong to; a logger without tables stands alone. */
export interface MemoryAICallLoggerOptions {
  environment?: Pick<Environment, "now" | "newId"> | undefined;
  clock?: Clock | undefined;
  tables?: MemoryTables | undefined;
}

/** Keeps model calls in memory. */
export class InMemoryAICallLogger implements AICallLogger {
  readonly ledger: MemoryLedger;
  readonly #tables: MemoryTables;

  constructor({ environment = realEnvironment, clock, tables = new MemoryTables() }: MemoryAICallLoggerOptions = {}) {
    this.#tables = tables;
    const now = (): number => (clock ? clock.now().getTime() : environment.now());
    this.ledger = new MemoryLedger(tables, { now, newId: () => environment.newId() });
  }

  logCall(call: AICallInput): void {
    this.ledger.note(call);
  }

  async record(call: AICallInput): Promise<void> {
    await this.ledger.record(closedCallOf(call));
  }

  async logBatchResults(batchId: string, results: AICallInput[]): Promise<void> {
    await this.ledger.recordBatch(batchId, results.map(closedCallOf));
  }

  async getStats(topicPrefix: string): Promise<AICallStats> {
    const perModel = new Map<string, ModelStats>();
    const total: ModelStats = { calls: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
    for (const call of this.#calls((row) => isBelowTopic(row.topic, topicPrefix))) {
      const model = perModel.get(call.modelKey) ?? { calls: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
      perModel.set(call.modelKey, model);
      addCall(model, call);
      addCall(total, call);
    }
    return {
      totalCalls: total.calls,
      totalInputTokens: total.inputTokens,
      totalOutputTokens: total.outputTokens,
      totalCost: total.cost,
      perModel: Object.fromEntries(perModel),
    };
  }

  async isRecorded(batchId: string): Promise<boolean> {
    return this.#tables.batches.get(batchId) !== undefined;
  }

  /** Forgets every call and batch. */
  clear(): void {
    this.#tables.note(() => {
      this.#tables.calls.clear();
      this.#tables.batches.clear();
    });
  }

  /** Every call, oldest first. */
  getAllCalls(): AICallRecord[] {
    return this.#calls(() => true);
  }

  /** Calls of exactly this topic. */
  getCallsByTopic(topic: string): AICallRecord[] {
    return this.#calls((row) => row.topic === topic);
  }

  /** Calls of this topic and of every topic below it; whole segments count. */
  getCallsByTopicPrefix(topicPrefix: string): AICallRecord[] {
    return this.#calls((row) => isBelowTopic(row.topic, topicPrefix));
  }

  getCallsByModel(modelKey: string): AICallRecord[] {
    return this.#calls((row) => row.modelKey === modelKey);
  }

  getCallsByType(callType: AICallType): AICallRecord[] {
    return this.#calls((row) => row.callType === callType);
  }

  /** US dollars of all calls. */
  getTotalCost(): number {
    return toDollars(this.#tables.calls.values().reduce((sum, { costPico }) => sum + (costPico ?? 0n), 0n));
  }

  /** Input and output tokens of all calls. */
  getTotalTokens(): number {
    return this.#tables.calls.values().reduce((sum, call) => sum + call.inputTokens + call.outputTokens, 0);
  }

  getCallCount(): number {
    return this.#tables.calls.size;
  }

  getRecordedBatchIds(): string[] {
    return this.#tables.batches.values().map(({ id }) => id);
  }

  /** The newest call; null before the first. */
  getLastCall(): AICallRecord | null {
    return this.getAllCalls().at(-1) ?? null;
  }

  hasCallMatching(matcher: CallMatcher): boolean {
    const calls = this.getAllCalls();
    if (typeof matcher === "function") return calls.some(matcher);
    const wanted = Object.entries(matcher);
    return calls.some((call) => wanted.every(([field, value]) => isSame(call[field as keyof AICallRecord], value)));
  }

  #calls(isWanted: (row: LedgerRow) => boolean): AICallRecord[] {
    return this.#tables.calls.values().filter(isWanted).map(toRecord);
  }
}

/** A row as the older port shows it; a call of unknown price costs NaN. */
function toRecord(row: LedgerRow): AICallRecord {
  const { id, openedAt, topic, callType, modelKey, modelId, prompt, response, inputTokens, outputTokens, costPico, metadata } = row;
  const cost = costPico === null ? Number.NaN : toDollars(costPico);
  const text = { topic, callType, modelKey, modelId, prompt, response };
  return { id, createdAt: new Date(openedAt), ...text, inputTokens, outputTokens, cost, metadata: structuredClone(metadata) };
}

/** Adds a call; one of unknown price adds nothing to the cost. */
function addCall(stats: ModelStats, call: AICallRecord): void {
  stats.calls += 1;
  stats.inputTokens += call.inputTokens;
  stats.outputTokens += call.outputTokens;
  stats.cost += Number.isNaN(call.cost) ? 0 : call.cost;
}

function isSame(a: unknown, b: unknown): boolean {
  return Object.is(a, b) || JSON.stringify(a) === JSON.stringify(b);
}
