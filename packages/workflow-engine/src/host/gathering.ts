// One pass at a time, and a pause after each: asked meanwhile, it goes once for everybody when the pause is over; asked while nothing has
// gone on for as long, it goes at once. Nothing is set while nobody asks.
import type { Environment } from "../ports/environment.ts";
import { Alarm } from "./alarm.ts";
import { Single } from "./single.ts";

/** What goes how often. */
export interface GatheringOptions {
  /** Milliseconds between two passes that were asked for. */
  pauseMs: number;
  pass(): Promise<void>;
  onError(error: unknown): void;
}

/** Runs a pass for many who ask. */
export class Gathering {
  readonly #environment: Environment;
  readonly #options: GatheringOptions;
  readonly #single: Single;
  readonly #alarm: Alarm;
  #isUnderWay = false;
  #isAsked = false;
  #pauseEnd = 0;

  constructor(environment: Environment, options: GatheringOptions) {
    this.#environment = environment;
    this.#options = options;
    this.#single = new Single(() => this.#pass(), options.onError);
    this.#alarm = new Alarm(environment, () => this.run());
  }

  /** Asks for a pass that begins from now on. */
  ask(): void {
    this.#isAsked = true;
    if (this.#isUnderWay) return;
    const left = this.#pauseEnd - this.#environment.now();
    // a clock that was set back is no reason to wait for it
    if (left <= 0 || left > this.#options.pauseMs) this.run();
    else this.#alarm.setBy(this.#pauseEnd);
  }

  /** Begins a pass whatever the pause, or another one after that under way. */
  run(): void {
    this.#single.run();
  }

  /** Resolves when no pass is under way. */
  settled(): Promise<void> {
    return this.#single.settled();
  }

  /** Begins nothing more by itself. */
  off(): void {
    this.#alarm.off();
  }

  async #pass(): Promise<void> {
    this.#isUnderWay = true;
    this.#isAsked = false;
    try {
      await this.#options.pass();
    } finally {
      this.#isUnderWay = false;
      this.#pauseEnd = this.#environment.now() + this.#options.pauseMs;
      if (this.#isAsked) this.#alarm.setBy(this.#pauseEnd);
    }
  }
}
