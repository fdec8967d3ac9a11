// Deferred command triggers: lets a host that sleeps be woken when something is due (P12).

/** Told of every wake-up; a host that polls anyway needs none. */
export interface Scheduler {
  schedule(commandType: string, payload: unknown, runAt: Date): Promise<void>;
  cancel(commandType: string, correlationId: string): Promise<void>;
}
