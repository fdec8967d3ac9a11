// A scheduler that wakes nobody and remembers what it was asked for.
import type { Scheduler } from "../../ports/scheduler.ts";

/** Records wake-ups in `scheduled`; cancelling changes nothing. */
export class NoopScheduler implements Scheduler {
  readonly scheduled: Array<{ commandType: string; payload: unknown; runAt: Date }> = [];

  async schedule(commandType: string, payload: unknown, runAt: Date): Promise<void> {
    this.scheduled.push({ commandType, payload, runAt });
  }

  async cancel(): Promise<void> {}

  /** Forgets every wake-up. */
  clear(): void {
    this.scheduled.length = 0;
  }
}
