// outbox.flush: hands events to their consumers, in order per run, each consumer with progress of its own (P18).
import { errorCodeOf } from "../../errors.ts";
import type { KernelEvent } from "../../ports/event.ts";
import type { EventConsumer, EventSink } from "../../ports/event-sink.ts";
import type { Delivery, EventReport, StoredEvent } from "../../ports/store.ts";
import { toKernelEvent } from "../../store/event-codec.ts";
import { describeError } from "../execute/failures.ts";
import type { KernelParts } from "../execute/parts.ts";
import { backoffMs } from "../rules/backoff.ts";
import type { CommandMap, OutboxFlushCommand } from "./command.ts";
import { requireCount } from "./fields.ts";

const defaultMaxRetries = 3;
/** A flusher that dies is replaced after this long; one whose consumers are slow keeps its lease. */
const leaseMs = 5_000;
/** Another flusher may die, or stop before the last event: looked for again after this long. */
const busyMs = 1_000;
/** A delivery that takes longer has failed. */
const consumerTimeoutMs = 30_000;

/** What one flush did. */
export interface Flushed {
  /** Events that every consumer has got, and deliveries that had failed before and succeeded now. */
  published: number;
  /** Events and deliveries off the outbox, those included that are put aside for a consumer that failed. */
  handled: number;
  /** When something put aside, or held by another flusher, is to be tried next; null when nothing is known to wait. */
  retryAt: number | null;
}

/** Publishes up to `maxEvents` events; 0 when another flusher is at it. */
export async function outboxFlush(parts: KernelParts, command: OutboxFlushCommand): Promise<CommandMap["outbox.flush"]["result"]> {
  const { published } = await flushOutbox(parts, requireCount(command, "maxEvents", 100));
  return { published };
}

/** The same for hosts, which come back for what is left: with nobody to deliver to, a store may publish everything at once. */
export async function flushForHost(parts: KernelParts, max: number): Promise<Flushed> {
  const published = consumersOf(parts.eventSink).length === 0 ? await parts.store.publishUnread?.() : null;
  if (typeof published !== "number") return flushOutbox(parts, max);
  // nothing is left: what comes meanwhile is signalled
  return { published, handled: 0, retryAt: null };
}

/** The same, and what is left. */
export async function flushOutbox(parts: KernelParts, max: number): Promise<Flushed> {
  const batch = await parts.store.takeEvents({ max, leaseMs });
  if (!batch) return { published: 0, handled: 0, retryAt: parts.environment.now() + busyMs };
  if (batch.fresh.length === 0 && batch.pending.length === 0) return { published: 0, handled: 0, retryAt: null };
  const report: EventReport = { token: batch.token, published: batch.fresh, failed: [], delivered: [] };
  const consumers = consumersOf(parts.eventSink);
  if (consumers.length > 0) await keepingLease(parts, batch.token, () => deliver(parts, consumers, batch, report));
  const isSettled = await parts.store.settleEvents(report);
  if (!isSettled) return { published: 0, handled: 0, retryAt: parts.environment.now() + busyMs };
  const kept = new Set(report.failed.map((delivery) => delivery.event.id));
  const again = report.delivered.length;
  return {
    published: batch.fresh.filter((event) => !kept.has(event.id)).length + again,
    handled: batch.fresh.length + again,
    retryAt: firstRetryOf([...batch.pending, ...report.failed], parts.environment.now()),
  };
}

function firstRetryOf(deliveries: readonly Delivery[], now: number): number | null {
  let first = Number.POSITIVE_INFINITY;
  for (const { nextAt } of deliveries) if (nextAt !== null && nextAt > now) first = Math.min(first, nextAt);
  return Number.isFinite(first) ? first : null;
}

async function keepingLease(parts: KernelParts, token: string, run: () => Promise<void>): Promise<void> {
  let cancel = (): void => undefined;
  const again = (): void => {
    cancel = parts.environment.setTimer(leaseMs / 3, () => {
      parts.store.renewEvents(token, leaseMs).catch(() => false); // a lease that was lost anyway is noticed at settling
      again();
    });
  };
  again();
  await run().finally(() => cancel());
}

/** A sink's consumers, or the sink itself as the only one; none behind the sink that drops everything. */
export function consumersOf(sink: EventSink): readonly EventConsumer[] {
  return sink.consumers ?? [{ id: "sink", accepts: () => true, handle: (event) => sink.emit(event) }];
}

async function deliver(
  parts: KernelParts,
  consumers: readonly EventConsumer[],
  batch: { fresh: StoredEvent[]; pending: Delivery[] },
  report: EventReport,
): Promise<void> {
  const fresh = Map.groupBy(batch.fresh, (event) => event.runId);
  const pending = Map.groupBy(batch.pending, (delivery) => delivery.event.runId);
  const runs = new Set([...fresh.keys(), ...pending.keys()]);
  await Promise.all(
    [...runs].flatMap((runId) => {
      const events = (fresh.get(runId) ?? []).map((event) => ({ event, seen: toKernelEvent(event) }));
      return consumers.map((consumer) => {
        const waiting = (pending.get(runId) ?? []).filter((delivery) => delivery.consumer === consumer.id);
        return new RunDelivery(parts, consumer, report).deliverAll(waiting, events);
      });
    }),
  );
}

/** One consumer's deliveries of one run: in order, and none past one that failed. */
class RunDelivery {
  readonly #parts: KernelParts;
  readonly #consumer: EventConsumer;
  readonly #report: EventReport;
  #isBlocked = false;

  constructor(parts: KernelParts, consumer: EventConsumer, report: EventReport) {
    this.#parts = parts;
    this.#consumer = consumer;
    this.#report = report;
  }

  async deliverAll(waiting: Delivery[], fresh: Array<{ event: StoredEvent; seen: KernelEvent }>): Promise<void> {
    for (const delivery of waiting) await this.#again(delivery);
    for (const { event, seen } of fresh) {
      if (this.#accepts(seen)) await this.#first(event, seen);
    }
  }

  /** A consumer that cannot say whether it wants an event is asked again when it is handed over, and fails there. */
  #accepts(event: KernelEvent): boolean {
    try {
      return this.#consumer.accepts(event);
    } catch {
      return true;
    }
  }

  async #again(delivery: Delivery): Promise<void> {
    this.#isBlocked ||= delivery.nextAt !== null && delivery.nextAt > this.#parts.environment.now();
    if (this.#isBlocked) return;
    const error = await this.#try(toKernelEvent(delivery.event));
    if (error === null) this.#report.delivered.push(delivery);
    else this.#fail(delivery.event, delivery.tries + 1, error);
  }

  async #first(event: StoredEvent, seen: KernelEvent): Promise<void> {
    if (this.#isBlocked) {
      this.#report.failed.push({ consumer: this.#consumer.id, event, tries: 0, nextAt: null, deadAt: null, error: null });
      return;
    }
    const error = await this.#try(seen);
    if (error !== null) this.#fail(event, 1, error);
  }

  async #try(event: KernelEvent): Promise<unknown> {
    try {
      if (!this.#consumer.accepts(event)) return null;
      const handling = this.#consumer.handle(event);
      if (handling) await this.#inTime(handling);
      return null;
    } catch (error) {
      return error ?? new Error("The consumer failed without an error");
    }
  }

  /** A consumer that never answers must not hold the outbox for ever. */
  async #inTime(handling: Promise<void>): Promise<void> {
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = this.#parts.environment.setTimer(consumerTimeoutMs, () =>
        reject(new Error(`Consumer "${this.#consumer.id}" did not answer within ${consumerTimeoutMs} ms`)),
      );
    });
    await Promise.race([handling, late]).finally(() => cancel());
  }

  #fail(event: StoredEvent, tries: number, error: unknown): void {
    const { environment, eventSink } = this.#parts;
    const isDead = tries >= (eventSink.maxRetries ?? defaultMaxRetries) || errorCodeOf(error) === "FATAL";
    const now = environment.now();
    this.#isBlocked = !isDead;
    this.#report.failed.push({
      consumer: this.#consumer.id,
      event,
      tries,
      nextAt: isDead ? null : now + backoffMs(tries, environment.random()),
      deadAt: isDead ? now : null,
      error: describeError(error),
    });
  }
}
