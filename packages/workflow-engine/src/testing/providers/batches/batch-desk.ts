// The batches of a protocol server: what was submitted, when it ends, what each request comes to and what is billed for it. Time is the
// desk's own `now`, so that a day-long batch may be played on a fake clock.
import { exampleOf, ProtocolViolation, type ReceivedRequest, type Reply } from "../protocol.ts";

/** One request of a batch, as its provider's protocol told it. */
export interface BatchItem {
  /** Position in its provider batch. */
  index: number;
  /** The id the client gave it. */
  wireId: string;
  model: string;
  prompt: string;
  system: string | null;
  schema: Readonly<Record<string, unknown>> | null;
  maxTokens: number | null;
  temperature: number | null;
}

/** What a request comes to; only answers are billed. `malformed` and `missing` are billed too: their line is broken, or left out. */
export type ItemPlan =
  | { kind: "answer"; text: string; inputTokens?: number; outputTokens?: number; isCutOff?: boolean }
  | { kind: "error"; message: string }
  | { kind: "expired" }
  | { kind: "canceled" }
  | { kind: "malformed" }
  | { kind: "missing" };

/** A batch as it was accepted. */
export interface ServedBatch {
  provider: "openai" | "anthropic" | "google";
  id: string;
  createdAt: number;
  /** Key or display name that the client gave it. */
  label: string | null;
  items: BatchItem[];
  /** When it ends by itself. */
  endsAt: number;
  cancelledAt: number | null;
  /** Why it was refused as a whole once accepted. */
  failure: string | null;
  /** Once it has ended. */
  results: Array<{ item: BatchItem; plan: ItemPlan; inputTokens: number; outputTokens: number }> | null;
  /** How often its results were read. */
  reads: number;
}

/** What the desk is told. */
export interface BatchDeskOptions {
  /** Milliseconds since the epoch. */
  now(): number;
  /** How long a batch takes; default 0. */
  lastsMs?: number | undefined;
  /** What a request comes to; an echo of its prompt, or an example of its schema, when absent or undefined. */
  planItem?: ((item: BatchItem, batch: ServedBatch) => ItemPlan | undefined) | undefined;
  /** Fails a batch as a whole, after it was accepted. */
  failBatch?: ((batch: ServedBatch) => string | null) | undefined;
  /** Sees each request before it takes effect; a reply ends it there. */
  before?: Hook | undefined;
  /** Sees each request after it took effect; a reply takes the place of the server's. */
  after?: Hook | undefined;
}

/** Sees a request; a promise that never settles leaves the client without an answer. */
export type Hook = (request: ReceivedRequest) => Promise<Reply | null | undefined> | Reply | null | undefined;

/** Handles the requests of one protocol; null for what is not its own. */
export type BatchProtocol = (request: ReceivedRequest, desk: BatchDesk) => Reply | null;

/** Keeps the batches of one server. */
export class BatchDesk {
  readonly batches: ServedBatch[] = [];
  /** Requests that the documentation does not allow: empty in a test that passes. */
  readonly violations: string[] = [];
  readonly files = new Map<string, string>();
  options: BatchDeskOptions;
  #ids = 0;

  constructor(options: BatchDeskOptions) {
    this.options = options;
  }

  get now(): number {
    return this.options.now();
  }

  newId(prefix: string): string {
    this.#ids += 1;
    return `${prefix}${this.#ids.toString().padStart(6, "0")}`;
  }

  /** Tokens billed for batches that have ended. */
  billed(): { inputTokens: number; outputTokens: number; answers: number } {
    this.settle();
    const all = this.batches
      .flatMap(({ results }) => results ?? [])
      .filter(({ inputTokens, outputTokens }) => inputTokens + outputTokens > 0);
    return {
      inputTokens: all.reduce((sum, { inputTokens }) => sum + inputTokens, 0),
      outputTokens: all.reduce((sum, { outputTokens }) => sum + outputTokens, 0),
      answers: all.length,
    };
  }

  accept(provider: ServedBatch["provider"], prefix: string, label: string | null, items: BatchItem[]): ServedBatch {
    const createdAt = this.now;
    const batch: ServedBatch = {
      ...{ provider, id: this.newId(prefix), createdAt, label, items },
      ...{ endsAt: createdAt + (this.options.lastsMs ?? 0), cancelledAt: null, failure: null, results: null, reads: 0 },
    };
    batch.failure = this.options.failBatch?.(batch) ?? null;
    this.batches.push(batch);
    return batch;
  }

  require(provider: ServedBatch["provider"], id: string): ServedBatch | null {
    this.settle();
    return this.batches.find((batch) => batch.provider === provider && batch.id === id) ?? null;
  }

  /** Newest first. */
  list(provider: ServedBatch["provider"]): ServedBatch[] {
    this.settle();
    return this.batches.filter((batch) => batch.provider === provider).reverse();
  }

  /** Every second request is done by the time a batch is cancelled. */
  cancel(batch: ServedBatch): void {
    if (batch.results) return;
    batch.cancelledAt = this.now;
    this.#end(batch, (item) => (item.index % 2 === 0 ? undefined : { kind: "canceled" }));
  }

  /** Ends what is due. */
  settle(): void {
    for (const batch of this.batches) {
      if (!batch.results && this.now >= batch.endsAt) this.#end(batch, () => undefined);
    }
  }

  #end(batch: ServedBatch, over: (item: BatchItem) => ItemPlan | undefined): void {
    batch.results = batch.failure
      ? []
      : batch.items.map((item) => {
          const plan = over(item) ?? this.options.planItem?.(item, batch) ?? echo(item);
          return { item, plan, ...costOf(item, plan) };
        });
  }
}

/** Makes a route of a protocol, with the desk's hooks around it. */
export function batchRoute(desk: BatchDesk, protocol: BatchProtocol): (request: ReceivedRequest) => Promise<Reply | null> {
  return async (request) => {
    if (!/batch|\/files/i.test(request.path)) return null;
    const refused = await desk.options.before?.(request);
    if (refused) return refused;
    let reply: Reply | null;
    try {
      reply = protocol(request, desk);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      desk.violations.push(`${request.method} ${request.path}: ${error.message}`);
      reply = { status: 400, json: { error: { message: error.message } } };
    }
    return reply && ((await desk.options.after?.(request)) ?? reply);
  };
}

function echo({ prompt, schema }: BatchItem): ItemPlan {
  return { kind: "answer", text: schema ? JSON.stringify(exampleOf(schema)) : `You said: ${prompt}` };
}

function costOf({ prompt }: BatchItem, plan: ItemPlan): { inputTokens: number; outputTokens: number } {
  const inputTokens = Math.ceil(prompt.length / 4);
  if (plan.kind === "answer") {
    return { inputTokens: plan.inputTokens ?? inputTokens, outputTokens: plan.outputTokens ?? Math.ceil(plan.text.length / 4) };
  }
  return plan.kind === "malformed" || plan.kind === "missing" ? { inputTokens, outputTokens: 1 } : { inputTokens: 0, outputTokens: 0 };
}
