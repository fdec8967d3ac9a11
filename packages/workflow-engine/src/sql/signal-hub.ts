// Tells this process of its own commits at once, and of another's soon after (P16): PostgreSQL calls; SQLite has no way to, but a number
// that changes with every commit of somebody else. Looked at every 50 ms while runs are unfinished, every second when none is, and not
// at all while nobody listens.
import type { Environment } from "../ports/environment.ts";
import type { StoreSignal } from "../ports/store.ts";
import type { Db } from "./db.ts";
import { findUnfinished } from "./tables/runs.ts";

const BUSY_MS = 50;
const IDLE_MS = 1_000;

/** The listeners of a store. */
export class SignalHub {
  readonly #db: Db;
  readonly #environment: Environment;
  readonly #listeners = new Set<(signal: StoreSignal) => void>();
  #cancelTimer: (() => void) | null = null;
  #stopListening: (() => void) | null = null;
  #version: number | null = null;
  #isIdle = false;
  #hasNews = true;
  #isClosed = false;

  constructor(db: Db, environment: Environment) {
    this.#db = db;
    this.#environment = environment;
  }

  /** Calls `listener` with every signal from now on; the answer ends that. */
  add(listener: (signal: StoreSignal) => void): () => void {
    if (this.#isClosed) return () => undefined;
    this.#listeners.add(listener);
    if (this.#db.listen) this.#stopListening ??= this.#db.listen((signal) => this.emit(signal));
    else if (!this.#cancelTimer) {
      this.#db.foreignVersion().then(
        (version) => (this.#version ??= version),
        () => undefined, // the first look asks again
      );
      this.#arm();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#disarm();
    };
  }

  /** Tells everybody. */
  emit(signal: StoreSignal): void {
    this.#hasNews = true;
    for (const listener of [...this.#listeners]) {
      try {
        listener(signal);
      } catch (error) {
        // what it is told of stands, and whoever wrote that has made no mistake: thrown where nobody else waits
        this.#environment.defer(() => {
          throw error;
        });
      }
    }
    // there may be something to do for others now, who then commit
    if (this.#db.listen || !this.#isIdle || this.#listeners.size === 0 || !(signal.hasWork || signal.wakeAt !== null)) return;
    this.#disarm();
    this.#isIdle = false;
    this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    this.#disarm();
    this.#listeners.clear();
  }

  #arm(): void {
    if (this.#isClosed || !this.#db.isShared || this.#db.listen) return;
    this.#cancelTimer = this.#environment.setTimer(this.#isIdle ? IDLE_MS : BUSY_MS, () => void this.#look());
  }

  #disarm(): void {
    this.#stopListening?.();
    this.#stopListening = null;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  async #look(): Promise<void> {
    const armed = this.#cancelTimer;
    try {
      const version = await this.#db.foreignVersion();
      const isChanged = version !== null && this.#version !== null && version !== this.#version;
      this.#version = version;
      if (isChanged) this.emit({ hasWork: true, hasEvents: true, mayHaveLost: true, wakeAt: null, ended: null });
      if (this.#hasNews) await this.#count();
    } catch {
      // closed, or out of reach for the moment: whoever has something to write will be told
    }
    // somebody who came meanwhile has armed it
    if (this.#cancelTimer === armed) this.#arm();
  }

  /** Looks whether runs are unfinished; what was so before any news still is. */
  async #count(): Promise<void> {
    this.#hasNews = false;
    const unfinished = await this.#db.reading((session) => session.read(findUnfinished, [[]]));
    this.#isIdle = unfinished.length === 0;
  }
}
