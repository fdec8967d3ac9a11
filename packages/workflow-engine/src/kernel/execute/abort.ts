// The end of an execution before its time: cancelled, lost, timed out. Most executions are never asked for their signal and never
// aborted, so the AbortController, which costs more than a small stage, is made when somebody looks.

/** What an execution's code is aborted with. */
export class Abort {
  #reason: unknown;
  #isAborted = false;
  #controller: AbortController | null = null;
  #onAbort: ((reason: unknown) => void) | null = null;

  /** True once aborted. */
  get isAborted(): boolean {
    return this.#isAborted;
  }

  /** The signal that user code sees. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#isAborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Aborts once; later calls change nothing. */
  abort(reason: unknown): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#onAbort?.(reason);
  }

  /** Throws the reason once aborted. */
  throwIfAborted(): void {
    if (this.#isAborted) throw this.#reason;
  }

  /** Settles with what is under way, or rejects with the reason as soon as this is aborted. One race at a time. */
  race<T>(underWay: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#onAbort = reject;
      Promise.resolve(underWay).then(resolve, reject); // a stage of the author's own making may answer at once
      if (this.#isAborted) reject(this.#reason);
    });
  }
}
