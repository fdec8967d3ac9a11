// Wake-ups in memory (P12): kept so that a host or a test can ask what is due.
import type { Scheduler } from "../ports/scheduler.ts";

/** A command to be given at an instant. */
export interface ScheduledCommand {
  commandType: string;
  payload: unknown;
  runAt: Date;
}

const correlatingFields = ["correlationId", "workflowRunId", "idempotencyKey"];

/** Keeps wake-ups; it triggers nothing by itself. */
export class MemoryScheduler implements Scheduler {
  #scheduled: ScheduledCommand[] = [];

  async schedule(commandType: string, payload: unknown, runAt: Date): Promise<void> {
    this.#scheduled.push(structuredClone({ commandType, payload, runAt }));
  }

  /** Forgets the wake-ups of a command whose payload names this id as its correlation, run or key. */
  async cancel(commandType: string, correlationId: string): Promise<void> {
    this.#scheduled = this.#scheduled.filter((entry) => entry.commandType !== commandType || !isAbout(entry.payload, correlationId));
  }

  /** Removes and answers what is due at or before `before`, earliest first. */
  takeDue(before: Date): ScheduledCommand[] {
    const due = this.#scheduled.filter((entry) => entry.runAt <= before);
    this.#scheduled = this.#scheduled.filter((entry) => entry.runAt > before);
    return due.sort((a, b) => a.runAt.getTime() - b.runAt.getTime());
  }
}

function isAbout(payload: unknown, id: string): boolean {
  if (typeof payload !== "object" || payload === null) return payload === id;
  return correlatingFields.some((field) => (payload as Record<string, unknown>)[field] === id);
}
