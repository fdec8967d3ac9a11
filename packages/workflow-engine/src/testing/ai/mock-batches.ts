// A batch provider without a provider: batches of the engine's own time, kept in memory, found again by their key, with hooks where a
// process may die. For tests of what happens around batches; what happens on the wire is tested with the protocol server.
import { answerSchemaOf, type JsonSchema } from "../../ai/batch/answer-schema.ts";
import type { BatchStatus } from "../../ai/batch/batch-provider.ts";
import { ChunkedProvider } from "../../ai/batch/chunked-provider.ts";
import { labelOf, type NewBatch, type ProviderBatches, type WireResult } from "../../ai/batch/provider-batches.ts";
import type { Environment } from "../../ports/environment.ts";
import { exampleOf } from "../providers/protocol.ts";

/** One batch as it was created. */
export interface MockBatch {
  id: string;
  label: string;
  endsAt: number;
  isCancelled: boolean;
  requests: Array<{ wireId: string; prompt: string; schema: JsonSchema | null }>;
}

/** What a mock of batches does. */
export interface MockBatchOptions {
  /** Milliseconds of the environment's time that a batch takes; default 10 minutes. */
  lastsMs?: number | undefined;
  /** Called before and after each request takes effect; a promise that never settles is a process that dies there. */
  on?: ((request: "create" | "find" | "check" | "read" | "cancel", when: "before" | "after") => Promise<void> | void) | undefined;
  /** The answer to a prompt; an echo, or an example of the schema, when absent. */
  answer?: ((prompt: string) => string) | undefined;
}

/** OpenAI's batches as far as the engine can tell: pass it as the provider of `ctx.ai.batch(model, provider)`. */
export class MockBatchProvider extends ChunkedProvider {
  readonly batches: ProviderBatches;
  readonly created: MockBatch[] = [];
  options: MockBatchOptions;
  readonly #environment: Environment;

  constructor(environment: Environment, options: MockBatchOptions = {}) {
    super(undefined, () => environment.newId());
    this.#environment = environment;
    this.options = options;
    this.batches = {
      name: "openai",
      limits: { requests: 1_000, bytes: 1_000_000 },
      toWire: ({ prompt, schema, maxTokens }, wireId) => ({ wireId, prompt, maxTokens, schema: schema ? answerSchemaOf(schema) : null }),
      create: (batch) => this.#around("create", () => this.#create(batch)),
      find: ({ key, start }) =>
        this.#around("find", () => {
          const found = this.created.find(({ label }) => label === labelOf(key, start));
          return found ? { state: "found" as const, id: found.id } : { state: "absent" as const };
        }),
      check: (id) => this.#around("check", () => this.#statusOf(this.#require(id))),
      read: (id) => this.#around("read", () => this.#resultsOf(this.#require(id))),
      cancel: (id) =>
        this.#around("cancel", () => {
          this.#require(id).isCancelled = true;
        }),
    };
  }

  async #around<T>(request: Parameters<NonNullable<MockBatchOptions["on"]>>[0], take: () => T): Promise<T> {
    await this.options.on?.(request, "before");
    const answer = take();
    await this.options.on?.(request, "after");
    return answer;
  }

  #create({ key, requests }: NewBatch): { id: string; createdAt: Date } {
    const now = this.#environment.now();
    const batch: MockBatch = {
      ...{ id: `mock-${this.created.length + 1}`, label: labelOf(key, requests[0]?.index ?? 0) },
      ...{ endsAt: now + (this.options.lastsMs ?? 600_000), isCancelled: false },
      requests: requests.map(({ json }) => JSON.parse(json) as MockBatch["requests"][number]),
    };
    this.created.push(batch);
    return { id: batch.id, createdAt: new Date(now) };
  }

  #require(id: string): MockBatch {
    const found = this.created.find((batch) => batch.id === id);
    if (!found) throw new Error(`no batch ${id}`);
    return found;
  }

  #statusOf({ endsAt, isCancelled, requests }: MockBatch): BatchStatus {
    const isOver = this.#environment.now() >= endsAt;
    const count = isOver ? requests.length : 0;
    const state = isCancelled ? "cancelled" : isOver ? "completed" : "processing";
    return { state, processedCount: count, totalCount: requests.length, succeededCount: count, failedCount: 0 };
  }

  #resultsOf({ requests, endsAt }: MockBatch): WireResult[] {
    if (this.#environment.now() < endsAt) return [];
    return requests.map(({ wireId, prompt, schema }) => {
      const text = this.options.answer?.(prompt) ?? (schema ? JSON.stringify(exampleOf(schema)) : `You said: ${prompt}`);
      return { wireId, text, inputTokens: Math.ceil(prompt.length / 4), outputTokens: Math.ceil(text.length / 4) };
    });
  }
}
