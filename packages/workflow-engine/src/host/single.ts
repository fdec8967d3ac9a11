// One pass at a time: asked again while it runs, it runs once more afterwards.

/** Runs `pass` without overlap. */
export class Single {
  readonly #pass: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> | null = null;
  #isAskedAgain = false;

  constructor(pass: () => Promise<void>, onError: (error: unknown) => void) {
    this.#pass = pass;
    this.#onError = onError;
  }

  run(): void {
    this.#isAskedAgain = true;
    this.#running ??= this.#loop();
  }

  /** Resolves when no pass is under way. */
  async settled(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #loop(): Promise<void> {
    while (this.#isAskedAgain) {
      this.#isAskedAgain = false;
      await this.#pass().catch(this.#onError);
    }
    this.#running = null;
  }
}
