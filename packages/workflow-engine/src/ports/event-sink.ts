// Where published events go.
import type { KernelEvent } from "./event.ts";

/** One consumer of events, with progress of its own. */
export interface EventConsumer {
  /** Stable name; its deliveries are kept under it. */
  readonly id: string;
  /** True for events this consumer wants. */
  accepts(event: KernelEvent): boolean;
  handle(event: KernelEvent): Promise<void> | void;
}

/** Receives published events, at least once, in order per run. A throw means: not delivered, try again. */
export interface EventSink {
  emit(event: KernelEvent): Promise<void> | void;
  /** Deliveries tried before an event is dead-lettered; default 3. */
  readonly maxRetries?: number;
  /** The consumers behind a sink that has several: each is delivered to, retried and dead-lettered alone. */
  readonly consumers?: readonly EventConsumer[];
}
