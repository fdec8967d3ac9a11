// The database's time in this process (P16): its clock is read now and then, and known to some milliseconds. What another process has
// written for now must be due here when its call arrives, and clocks that differ by less than a call takes to arrive do not see to that.
// So time never goes back, and it is never earlier than what was heard of, as in a hybrid logical clock
// (https://cse.buffalo.edu/tech-reports/2014-04.pdf).
import type { Environment } from "../../ports/environment.ts";
import type { StoreSignal } from "../../ports/store.ts";

/** A reading is renewed after this long, beside everything else; one that is older than the second is waited for. */
const AGE_MS = { renewed: 1_000, longest: 10_000 };
/** Whoever is further ahead than this is wrong, or was stopped: nobody's time stands still for longer. */
const LONGEST_PAUSE_MS = 1_000;

/** A transaction that the clock is read in. */
export interface ClockSession {
  readClock(): Promise<number>;
}

/** The clock of a database as one process knows it. */
export class DatabaseClock {
  readonly #environment: Environment;
  readonly #begin: (read: (session: ClockSession) => Promise<void>) => Promise<void>;
  readonly #given: (() => number) | undefined;
  /** The database's clock less the environment's, and when it was read. */
  #reading: { ahead: number; readAt: number } | null = null;
  #renewing: Promise<void> | null = null;
  #latest = 0;

  /** `begin` runs a transaction of its own; `given` is a clock instead of the database's. */
  constructor(
    environment: Environment,
    begin: (read: (session: ClockSession) => Promise<void>) => Promise<void>,
    given: (() => number) | undefined,
  ) {
    this.#environment = environment;
    this.#begin = begin;
    this.#given = given;
  }

  /** The database's time in milliseconds since the epoch, as far as it is known; never earlier than the last answer. */
  now(): number {
    if (this.#given) return this.#given();
    const now = Math.round(this.#environment.now() + (this.#reading?.ahead ?? 0));
    const isPaused = now < this.#latest && this.#latest - now <= LONGEST_PAUSE_MS;
    if (!isPaused) this.#latest = now;
    return this.#latest;
  }

  /** A signal of somebody whose time was `at`: what is due there is due here, or will be by the time that it says now. */
  hears(signal: StoreSignal, at: number): StoreSignal {
    const now = this.now();
    if (!signal.hasWork || at <= now) return signal;
    if (!this.#given && at - now <= LONGEST_PAUSE_MS) {
      this.#latest = at;
      return signal;
    }
    return { ...signal, wakeAt: Math.min(at, signal.wakeAt ?? at) };
  }

  /** Sees to it that the reading is fresh, also when the own clock has jumped. */
  async keep(session: ClockSession): Promise<void> {
    if (this.#given) return;
    const age = this.#reading ? this.#environment.now() - this.#reading.readAt : Number.POSITIVE_INFINITY;
    if (age < 0 || age >= AGE_MS.longest) return this.#read(session);
    // nobody's transaction waits for this one
    if (age >= AGE_MS.renewed) this.#renewing ??= this.#renew();
  }

  /** Resolves when no reading is under way. */
  async settled(): Promise<void> {
    await this.#renewing;
  }

  async #renew(): Promise<void> {
    try {
      await this.#begin((session) => this.#read(session));
    } catch {
      // whoever works next tries again
    }
    this.#renewing = null;
  }

  async #read(session: ClockSession): Promise<void> {
    const before = this.#environment.now();
    const there = await session.readClock();
    const readAt = this.#environment.now();
    this.#reading = { ahead: there - (before + readAt) / 2, readAt };
  }
}
