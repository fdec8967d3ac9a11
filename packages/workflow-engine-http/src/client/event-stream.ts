// Events as an async iterable that survives what happens to connections: it comes again behind the last event it saw, so that every event
// arrives once and in order.
import { createParser } from "eventsource-parser";
import { ApiError, errorOf } from "./api-error.ts";
import { pause } from "./client-environment.ts";
import type { Transport } from "./transport.ts";

const RECONNECT_MS = 1_000;
const LONGEST_RECONNECT_MS = 30_000;
/** A server says something every 15 s; three times that without a word is a dead connection. */
const SILENCE_MS = 45_000;
const instantFields = ["timestamp", "nextPollAt", "retryAt"];
const RETRIED = new Set([408, 429, 500, 502, 503, 504]);

/** What to listen to. */
export interface StreamRequest {
  path: string;
  query?: Readonly<Record<string, string | undefined>>;
  /** Listen behind this event; null is where the server begins. */
  lastEventId: string | null;
  signal?: AbortSignal | undefined;
}

/** An event as the stream gave it. */
export interface ReceivedEvent {
  /** To go on behind it. */
  id: string;
  event: Record<string, unknown>;
}

/** Events as they come; ends when the server says that there will be no more. Throws ApiError, or the signal's reason. */
export async function* receiveEvents(
  transport: Transport,
  { signal, ...request }: StreamRequest,
): AsyncGenerator<ReceivedEvent, void, void> {
  let { lastEventId } = request;
  let delayMs = RECONNECT_MS;
  for (;;) {
    const connection = new Connection(transport, signal);
    try {
      if (!(await connection.open(request, lastEventId))) return;
      for await (const received of connection.events()) {
        if (received.event === null) {
          lastEventId ??= received.id;
          continue;
        }
        lastEventId = received.id;
        delayMs = RECONNECT_MS;
        yield { id: received.id, event: received.event };
      }
      if (connection.isOver) return;
    } catch (error) {
      if (error instanceof ApiError && !RETRIED.has(error.status)) throw error;
      if (signal?.aborted) throw signal.reason;
    } finally {
      connection.close();
    }
    await pause(transport.environment, delayMs, signal);
    delayMs = Math.min(delayMs * 2, LONGEST_RECONNECT_MS);
  }
}

/** One connection; silence breaks it. */
class Connection {
  readonly #transport: Transport;
  readonly #controller = new AbortController();
  readonly #signal: AbortSignal;
  /** True when the server said that there will be no more. */
  isOver = false;
  #body: ReadableStream<Uint8Array> | null = null;
  #cancelTimer = (): void => undefined;

  constructor(transport: Transport, signal: AbortSignal | undefined) {
    this.#transport = transport;
    this.#signal = signal ? AbortSignal.any([signal, this.#controller.signal]) : this.#controller.signal;
  }

  /** False when there is nothing more to tell. */
  async open({ path, query }: Omit<StreamRequest, "signal">, lastEventId: string | null): Promise<boolean> {
    this.#expectWord();
    const headers = { accept: "text/event-stream", ...(lastEventId !== null && { "last-event-id": lastEventId }) };
    const response = await this.#transport.send(path, { query, headers, signal: this.#signal });
    if (response.status === 204) return false;
    if (!response.ok) throw await errorOf(response);
    this.#body = response.body;
    return true;
  }

  /** What comes; without an event it says where the stream begins. */
  async *events(): AsyncGenerator<{ id: string; event: Record<string, unknown> | null }, void, void> {
    const decoder = new TextDecoder();
    const received: { id: string; event: Record<string, unknown> | null }[] = [];
    const parser = createParser({
      onComment: (comment) => {
        if (comment.trim() === "end") this.isOver = true;
        const start = /^\s*at (\S+)$/.exec(comment)?.[1];
        if (start !== undefined) received.push({ id: start, event: null });
      },
      onEvent: ({ id, data }) => void received.push({ id: id ?? "", event: revive(JSON.parse(data) as Record<string, unknown>) }),
    });
    const reader = this.#body!.getReader();
    for (;;) {
      this.#expectWord();
      const { done, value } = await reader.read();
      if (done) return;
      this.#cancelTimer(); // a slow consumer is no silence
      parser.feed(decoder.decode(value, { stream: true }));
      yield* received.splice(0);
    }
  }

  close(): void {
    this.#cancelTimer();
    this.#controller.abort();
  }

  #expectWord(): void {
    this.#cancelTimer();
    const silence = new Error(`The server said nothing for ${SILENCE_MS} ms`);
    this.#cancelTimer = this.#transport.environment.setTimer(SILENCE_MS, () => this.#controller.abort(silence));
  }
}

/** A Date is a Date wherever an event is read. */
function revive(event: Record<string, unknown>): Record<string, unknown> {
  for (const name of instantFields) {
    const value = event[name];
    if (typeof value === "string") event[name] = new Date(value);
  }
  return event;
}
