// Model calls in memory, and the questions tests ask about them (P23).
import { realEnvironment } from "../environment.ts";
import type { Clock, Environment } from "../ports/environment.ts";
import type { AICallInput, AICallLogger, AICallRecord, AICallStats, AICallType, ModelStats } from "../ports/ledger.ts";

/** A call to look for: fields it must have, or a test of its own. */
export type CallMatcher = Partial<AICallRecord> | ((call: AICallRecord) => boolean);

/** Keeps model calls in memory. */
export class InMemoryAICallLogger implements AICallLogger {
  readonly #environment: Pick<Environment, "now" | "newId">;
  readonly #clock: Clock | undefined;
  readonly #recorded = new Set<string>();
  #calls: AICallRecord[] = [];

  constructor(options: { environment?: Pick<Environment, "now" | "newId"> | undefined; clock?: Clock | undefined } = {}) {
    this.#environment = options.environment ?? realEnvironment;
    this.#clock = options.clock;
  }

  logCall(call: AICallInput): void {
    const createdAt = new Date(this.#clock ? this.#clock.now().getTime() : this.#environment.now());
    const { topic, callType, modelKey, modelId, prompt, response, inputTokens, outputTokens, cost } = call;
    const text = { topic, callType, modelKey, modelId, prompt, response };
    const metadata = structuredClone(call.metadata ?? null);
    this.#calls.push({ id: this.#environment.newId(), createdAt, ...text, inputTokens, outputTokens, cost, metadata });
  }

  async logBatchResults(batchId: string, results: AICallInput[]): Promise<void> {
    if (this.#recorded.has(batchId)) return;
    this.#recorded.add(batchId);
    for (const result of results) this.logCall(result);
  }

  async getStats(topicPrefix: string): Promise<AICallStats> {
    const perModel = new Map<string, ModelStats>();
    const total: ModelStats = { calls: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
    for (const call of this.#below(topicPrefix)) {
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
    return this.#recorded.has(batchId);
  }

  /** Forgets every call and batch. */
  clear(): void {
    this.#calls = [];
    this.#recorded.clear();
  }

  /** Every call, oldest first. */
  getAllCalls(): AICallRecord[] {
    return structuredClone(this.#calls);
  }

  /** Calls of exactly this topic. */
  getCallsByTopic(topic: string): AICallRecord[] {
    return this.#where((call) => call.topic === topic);
  }

  /** Calls of this topic and of every topic below it; whole segments count. */
  getCallsByTopicPrefix(topicPrefix: string): AICallRecord[] {
    return structuredClone(this.#below(topicPrefix));
  }

  getCallsByModel(modelKey: string): AICallRecord[] {
    return this.#where((call) => call.modelKey === modelKey);
  }

  getCallsByType(callType: AICallType): AICallRecord[] {
    return this.#where((call) => call.callType === callType);
  }

  /** US dollars of all calls. */
  getTotalCost(): number {
    return this.#calls.reduce((sum, call) => sum + call.cost, 0);
  }

  /** Input and output tokens of all calls. */
  getTotalTokens(): number {
    return this.#calls.reduce((sum, call) => sum + call.inputTokens + call.outputTokens, 0);
  }

  getCallCount(): number {
    return this.#calls.length;
  }

  getRecordedBatchIds(): string[] {
    return [...this.#recorded];
  }

  /** The newest call; null before the first. */
  getLastCall(): AICallRecord | null {
    return structuredClone(this.#calls.at(-1) ?? null);
  }

  hasCallMatching(matcher: CallMatcher): boolean {
    if (typeof matcher === "function") return this.#calls.some((call) => matcher(structuredClone(call)));
    const wanted = Object.entries(matcher);
    return this.#calls.some((call) => wanted.every(([field, value]) => isSame(call[field as keyof AICallRecord], value)));
  }

  #below(prefix: string): AICallRecord[] {
    return this.#calls.filter(({ topic }) => prefix === "" || topic === prefix || topic.startsWith(`${prefix}.`));
  }

  #where(isWanted: (call: AICallRecord) => boolean): AICallRecord[] {
    return structuredClone(this.#calls.filter(isWanted));
  }
}

function addCall(stats: ModelStats, call: AICallRecord): void {
  stats.calls += 1;
  stats.inputTokens += call.inputTokens;
  stats.outputTokens += call.outputTokens;
  stats.cost += call.cost;
}

function isSame(a: unknown, b: unknown): boolean {
  return Object.is(a, b) || JSON.stringify(a) === JSON.stringify(b);
}
