// Log lines and progress of one execution: gathered, and written while it runs (P19); what is left rides the settling commit.
import type { LogLevel, ProgressUpdate } from "../../define/context.ts";
import type { Environment } from "../../ports/environment.ts";
import type { DraftEvent } from "../../ports/event.ts";
import type { LogRow } from "../../ports/store.ts";
import { toStorableText } from "../../store/storable-text.ts";
import type { Awaitable } from "./awaitable.ts";
import { describeError } from "./failures.ts";

/** What has been told and not been written. */
export interface Untold {
  logs: LogRow[];
  progress: DraftEvent[];
}

/** Writes what has been told so far; false when the execution has lost its stage. */
export type Tell = (logs: LogRow[], progress: DraftEvent[]) => Promise<boolean>;

/** Milliseconds between two writes of one execution: a person sees no delay, and a loop that logs costs one row set, not thousands. */
const intervalMs = 100;

/** Milliseconds until a write that failed is tried again. */
const pauseMs = 1_000;

/** Gathers what a stage tells. */
export class Teller {
  readonly #environment: Environment;
  readonly #tell: Tell;
  readonly #onLost: () => void;
  #logs: LogRow[] = [];
  #progress: DraftEvent[] = [];
  #cancelTimer: (() => void) | null = null;
  /** The write under way, resolved once what it could not write is back among what is untold. */
  #telling: Promise<unknown> | null = null;
  #toldAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(environment: Environment, tell: Tell, onLost: () => void) {
    this.#environment = environment;
    this.#tell = tell;
    this.#onLost = onLost;
  }

  /** Adds a log line. */
  log(stageId: string, level: LogLevel, message: string, meta: Record<string, unknown> | undefined): void {
    if (this.#isClosed) return;
    const at = this.#environment.now();
    this.#logs.push({ stageId, item: 0, level, message: toStorableText(String(message)), metadata: metaToJson(meta), at });
    this.#schedule();
  }

  /** Adds a progress event, as it is now: what JSON does not hold would keep the stage's end from being stored. */
  progress(stageId: string, { progress, message, details }: ProgressUpdate): void {
    if (this.#isClosed) return;
    const event: DraftEvent = { type: "stage:progress", stageId, progress, message: toStorableText(String(message)) };
    const text = metaToJson(details);
    this.#progress.push(text === null ? event : { ...event, details: JSON.parse(text) });
    this.#schedule();
  }

  /** Writes what has been told so far, or nothing, under the fence; false when the execution has lost its stage. Rejects with the store. */
  async confirm(): Promise<boolean> {
    const isHeld = !this.#isClosed && (await this.#write());
    if (!isHeld) this.#onLost();
    return isHeld;
  }

  /** Ends telling; answers what has not been written, once what is under way has been or has failed. */
  close(): Awaitable<Untold> {
    this.#isClosed = true;
    this.#cancelTimer?.();
    return this.#telling ? this.#telling.then(() => this.#untold()) : this.#untold();
  }

  #untold(): Untold {
    return { logs: this.#logs, progress: this.#progress };
  }

  /** Writes what is untold; where that fails it is untold again. */
  #write(): Promise<boolean> {
    const [logs, progress] = [this.#logs, this.#progress];
    this.#logs = [];
    this.#progress = [];
    const answer = this.#tell(logs, progress).catch((error: unknown) => {
      this.#logs = [...logs, ...this.#logs];
      this.#progress = [...progress, ...this.#progress];
      throw error;
    });
    const before = this.#telling;
    const telling = Promise.allSettled([before, answer]).then(() => {
      if (this.#telling === telling) this.#telling = null;
    });
    this.#telling = telling;
    return answer;
  }

  #schedule(): void {
    if (this.#cancelTimer) return;
    const wait = Math.max(0, this.#toldAt + intervalMs - this.#environment.now());
    this.#cancelTimer = this.#environment.setTimer(wait, () => {
      this.#cancelTimer = null;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isClosed || (this.#logs.length === 0 && this.#progress.length === 0)) return;
    this.#toldAt = this.#environment.now();
    this.#write().then(
      (isHeld) => {
        if (!isHeld) this.#onLost();
      },
      () => {
        // the store was out of reach: these lines are told again after a while, or ride the settling commit
        this.#toldAt = this.#environment.now() + pauseMs;
        if (!this.#isClosed) this.#schedule();
      },
    );
  }
}

function metaToJson(meta: Record<string, unknown> | undefined): string | null {
  if (meta === undefined) return null;
  try {
    return JSON.stringify(meta) ?? null;
  } catch (error) {
    return JSON.stringify({ unserializable: describeError(error) });
  }
}
