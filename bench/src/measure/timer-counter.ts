// Counts how often a timer wakes the process, by standing before setTimeout and setInterval.

/** Wake-ups counted since it was installed. */
export class TimerCounter {
  wakeUps = 0;

  /** Counts every timer set in this process from now on. */
  static install(): TimerCounter {
    const counter = new TimerCounter();
    for (const name of ["setTimeout", "setInterval"] as const) {
      const original = globalThis[name] as (...args: unknown[]) => unknown;
      const counted = (fire: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): unknown =>
        original(
          (...given: unknown[]) => {
            counter.wakeUps++;
            fire(...given);
          },
          ms,
          ...args,
        );
      Object.defineProperty(globalThis, name, { value: counted, configurable: true, writable: true });
    }
    return counter;
  }
}
