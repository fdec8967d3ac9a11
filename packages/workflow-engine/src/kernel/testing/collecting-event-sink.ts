// An event sink that keeps what it gets, for tests to look at.
import type { EventOf, EventType, KernelEvent } from "../../ports/event.ts";
import type { EventSink } from "../../ports/event-sink.ts";

/** Keeps every event it is given, in order. */
export class CollectingEventSink implements EventSink {
  readonly events: KernelEvent[] = [];

  get length(): number {
    return this.events.length;
  }

  async emit(event: KernelEvent): Promise<void> {
    this.events.push(event);
  }

  /** The events of one type, in order. */
  getByType<T extends EventType>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is KernelEvent & EventOf<T> => event.type === type);
  }

  /** Forgets every event. */
  clear(): void {
    this.events.length = 0;
  }
}
