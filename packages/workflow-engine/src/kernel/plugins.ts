// Plugins: consumers of events, each with progress of its own (P18).

import { WorkflowEngineError } from "../errors.ts";
import type { EventOf, EventType, KernelEvent } from "../ports/event.ts";
import type { EventConsumer, EventSink } from "../ports/event-sink.ts";

/** A consumer of some event types. */
export interface Plugin<T extends EventType = EventType> {
  /** Stable name: its progress and dead letters are kept under it. */
  readonly id: string;
  readonly name: string;
  readonly on: readonly T[];
  handle(event: EventOf<T>): Promise<void> | void;
}

/** Declares a plugin; `handle` is typed by the event types in `on`. */
export function definePlugin<const T extends EventType>(plugin: Plugin<T>): Plugin<T> {
  return plugin;
}

/** A sink made of plugins. */
export interface PluginRunner extends EventSink {
  readonly maxRetries: number;
  readonly consumers: readonly EventConsumer[];
}

/** Options of `createPluginRunner`. */
export interface PluginRunnerOptions {
  // biome-ignore lint/suspicious/noExplicitAny: plugins of different event types share one list, and handlers are contravariant
  plugins: readonly Plugin<any>[];
  /** Deliveries tried before an event is dead-lettered for a plugin; default 3. */
  maxRetries?: number | undefined;
}

/** Makes a sink of plugins: each is delivered to, retried and dead-lettered alone. */
export function createPluginRunner({ plugins, maxRetries = 3 }: PluginRunnerOptions): PluginRunner {
  const ids = new Set<string>();
  for (const { id } of plugins) {
    if (ids.has(id))
      throw new WorkflowEngineError("INVALID_DEFINITION", `Plugin id "${id}" is used twice. Give each plugin an id of its own.`);
    ids.add(id);
  }
  const consumers = plugins.map(
    (plugin): EventConsumer => ({
      id: plugin.id,
      accepts: (event) => plugin.on.includes(event.type),
      handle: (event) => plugin.handle(event),
    }),
  );
  return { maxRetries, consumers, emit: (event) => emitToAll(consumers, event) };
}

async function emitToAll(consumers: readonly EventConsumer[], event: KernelEvent): Promise<void> {
  for (const consumer of consumers) if (consumer.accepts(event)) await consumer.handle(event);
}
