// A stream of server-sent events (HTML standard, section 9.2). It reads from the store what its reader asks for and keeps no more than a
// page: a slow reader costs a page and a socket buffer, whatever happens meanwhile, and gets every event when it goes on.
import type { Environment } from "@bratsos/workflow-engine";

const BUFFER_BYTES = 32 * 1024;

/** One event to tell. */
export interface StreamEvent {
  /** What the reader names as Last-Event-ID to go on behind it. */
  id: string;
  type: string;
  data: Record<string, unknown>;
}

/** Where a stream's events come from, in order. */
export interface EventSource<C> {
  /** Events after a cursor, and the cursor behind what was looked at: the same when there was nothing. */
  read(cursor: C): Promise<{ events: StreamEvent[]; cursor: C }>;
  /** True when nothing will come after this event, null being none yet. */
  isOver(last: Pick<StreamEvent, "type"> | null): Promise<boolean>;
  /** Calls `wake` when there may be more; the answer unsubscribes. */
  subscribe(wake: () => void): () => void;
}

/** How a stream behaves. */
export interface EventStreamOptions<C> {
  source: EventSource<C>;
  cursor: C;
  environment: Environment;
  heartbeatMs: number;
  signal: AbortSignal;
  /** Called once, when the stream is over for whatever reason. */
  onEnd(): void;
  onError(error: unknown): void;
}

/** The bytes of a stream of events. */
export function streamEvents<C>(options: EventStreamOptions<C>): ReadableStream<Uint8Array> {
  const stream = new EventStream(options);
  return new ReadableStream<Uint8Array>(
    { start: (controller) => stream.start(controller), pull: (controller) => stream.pull(controller), cancel: () => stream.cancel() },
    new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }),
  );
}

class EventStream<C> {
  readonly #options: EventStreamOptions<C>;
  readonly #encoder = new TextEncoder();
  readonly #unsubscribe: () => void;
  #cursor: C;
  #page: StreamEvent[] = [];
  #last: StreamEvent | null = null;
  #isStale = true;
  #isOver = false;
  #isEnded = false;
  #isCancelled = false;
  #wake = (): void => undefined;
  readonly #abort = (): void => this.end();

  constructor(options: EventStreamOptions<C>) {
    this.#options = options;
    this.#cursor = options.cursor;
    this.#unsubscribe = options.source.subscribe(() => {
      this.#isStale = true;
      this.#wake();
    });
    options.signal.addEventListener("abort", this.#abort, { once: true });
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    // the first bytes make every proxy pass the head on, and say where the stream begins: whoever loses it before the first event misses none
    const start = String(this.#cursor);
    controller.enqueue(this.#encoder.encode(`retry: 1000\nid: ${start}\n: at ${start}\n\n`));
    if (this.#options.signal.aborted) this.end();
  }

  /** Called when the reader has room, and not again before it has returned. */
  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const text = await this.#next();
      if (this.#isCancelled) return;
      if (text !== null) return controller.enqueue(this.#encoder.encode(text));
      this.end();
      controller.close();
    } catch (error) {
      // what was sent stands; the reader comes again with its last id
      this.#options.onError(error);
      this.end();
      if (!this.#isCancelled) controller.close();
    }
  }

  /** The reader is gone: nothing may be said any more, not even goodbye. */
  cancel(): void {
    this.#isCancelled = true;
    this.end();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#page = [];
    this.#unsubscribe();
    this.#options.signal.removeEventListener("abort", this.#abort);
    this.#wake();
    this.#options.onEnd();
  }

  /** The next thing to say; null when there is nothing more. */
  async #next(): Promise<string | null> {
    while (!this.#isEnded) {
      const event = this.#page.shift();
      if (event) {
        this.#last = event;
        return frameOf(event);
      }
      if (this.#isStale) {
        this.#isStale = false;
        const before = this.#cursor;
        const { events, cursor } = await this.#options.source.read(before);
        this.#page = events;
        this.#cursor = cursor;
        // there may be another page
        this.#isStale ||= cursor !== before;
        continue;
      }
      if (this.#isOver) return null;
      if (await this.#options.source.isOver(this.#last)) {
        this.#isOver = true;
        return ": end\n\n"; // tells an end in order from a connection that broke
      }
      if (this.#isStale) continue;
      if (await this.#isSilent()) {
        this.#isStale = true;
        return ": still here\n\n";
      }
    }
    return null;
  }

  /** Waits for a wake-up; true when none came within the heartbeat. */
  #isSilent(): Promise<boolean> {
    const { environment, heartbeatMs } = this.#options;
    return new Promise((resolve) => {
      const settle = (isSilent: boolean): void => {
        cancel();
        this.#wake = () => undefined;
        resolve(isSilent);
      };
      const cancel = environment.setTimer(heartbeatMs, () => settle(true));
      this.#wake = () => settle(false);
    });
  }
}

function frameOf({ id, type, data }: StreamEvent): string {
  // JSON has no line break, so one data line holds it all
  return `id: ${id}\nevent: ${type.replace(/[\r\n]/g, " ")}\ndata: ${JSON.stringify(data)}\n\n`;
}
