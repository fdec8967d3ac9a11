// One timer for the earliest of many instants: whoever asks for a later one than is set is served by it.
import type { Environment } from "../ports/environment.ts";

/** Rings at the earliest instant it was set to, once; then it may be set anew. */
export class Alarm {
  readonly #environment: Environment;
  readonly #ring: () => void;
  #at = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | null = null;
  #isOff = false;

  constructor(environment: Environment, ring: () => void) {
    this.#environment = environment;
    this.#ring = ring;
  }

  /** Rings at this instant, in milliseconds since the epoch, or at once when it has passed. */
  setBy(at: number): void {
    if (this.#isOff || !(at < this.#at)) return;
    this.#cancel?.();
    this.#at = at;
    this.#cancel = this.#environment.setTimer(Math.max(0, at - this.#environment.now()), () => {
      this.#at = Number.POSITIVE_INFINITY;
      this.#cancel = null;
      this.#ring();
    });
  }

  /** Never rings again. */
  off(): void {
    this.#isOff = true;
    this.#cancel?.();
    this.#cancel = null;
  }
}
