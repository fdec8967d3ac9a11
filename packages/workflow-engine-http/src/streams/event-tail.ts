// Tells open streams that there may be events for them. One look at the feed of all events serves them all: a run's readers are woken for
// that run only. A signal of the store says that events are about to be published, by whom and when is not known, so the looks after it
// come in quick succession and get slower: 5 ms, 10, 20, up to the interval that also catches what nobody signalled.
import type { Environment } from "@bratsos/workflow-engine";
import type { Reader, RunStore } from "@bratsos/workflow-engine/kernel";

const FIRST_LOOK_MS = 5;
const PAGE = 500;

/** What a tail watches. */
export interface EventTailOptions {
  reader: Reader;
  environment: Environment;
  signals: Pick<RunStore, "onSignal"> | undefined;
  pollIntervalMs: number;
}

interface Subscriber {
  /** Null for the events of all runs. */
  runId: string | null;
  wake(): void;
}

/** The one that looks; does nothing while nobody listens. */
export class EventTail {
  readonly #options: EventTailOptions;
  readonly #subscribers = new Set<Subscriber>();
  #cursor: string | null = null;
  #delayMs: number;
  #cancelTimer = (): void => undefined;
  #stopSignals = (): void => undefined;
  #isLooking = false;
  #isHurried = false;

  constructor(options: EventTailOptions) {
    this.#options = options;
    this.#delayMs = options.pollIntervalMs;
  }

  /** Streams that listen. */
  get size(): number {
    return this.#subscribers.size;
  }

  /** Calls `wake` when there may be events; the answer unsubscribes. What was published before is the subscriber's to read. */
  subscribe(runId: string | null, wake: () => void): () => void {
    const subscriber = { runId, wake };
    this.#subscribers.add(subscriber);
    if (this.#subscribers.size === 1) this.#start();
    return () => {
      if (this.#subscribers.delete(subscriber) && this.#subscribers.size === 0) this.#stop();
    };
  }

  #start(): void {
    this.#cursor = null;
    this.#stopSignals = this.#options.signals?.onSignal(() => this.#hurry()) ?? (() => undefined);
    this.#hurry();
  }

  #stop(): void {
    this.#stopSignals();
    this.#cancelTimer();
  }

  #hurry(): void {
    this.#isHurried = true;
    this.#delayMs = FIRST_LOOK_MS;
    if (!this.#isLooking) this.#arm();
  }

  #arm(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.environment.setTimer(this.#delayMs, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#isHurried = false;
    let hasFound = false;
    try {
      hasFound = await this.#look();
    } catch {
      // the store is out of reach; every stream notices when it reads itself
      this.#wake(() => true);
    }
    this.#isLooking = false;
    if (this.#subscribers.size === 0) return;
    if (hasFound || this.#isHurried) this.#delayMs = FIRST_LOOK_MS;
    else this.#delayMs = Math.min(this.#delayMs * 2, this.#options.pollIntervalMs);
    this.#arm();
  }

  /** Wakes whom the new events are for; true when there were any. */
  async #look(): Promise<boolean> {
    const { reader } = this.#options;
    if (!reader.listAllEvents || !reader.lastEventCursor) {
      this.#wake(() => true);
      return false;
    }
    if (this.#cursor === null) {
      // whoever subscribed before this point may have missed what lies before it
      this.#cursor = await reader.lastEventCursor();
      this.#wake(() => true);
      return false;
    }
    const runs = new Set<string>();
    const start = this.#cursor;
    for (let before: string | null = null; before !== this.#cursor && this.#subscribers.size > 0; ) {
      before = this.#cursor;
      const feed = await reader.listAllEvents(before, PAGE);
      for (const { workflowRunId } of feed.items) runs.add(workflowRunId);
      this.#cursor = feed.cursor;
    }
    if (runs.size > 0) this.#wake(({ runId }) => runId === null || runs.has(runId));
    return this.#cursor !== start;
  }

  #wake(isMeant: (subscriber: Subscriber) => boolean): void {
    for (const subscriber of this.#subscribers) if (isMeant(subscriber)) subscriber.wake();
  }
}
