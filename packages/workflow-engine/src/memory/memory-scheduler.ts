// Wake-ups in memory (P12): one a command and correlation, kept so that a host or a test can ask what is due. Nobody takes them where every
// host polls, so what is long overdue goes.
import { realEnvironment } from "../environment.ts";
import type { Environment } from "../ports/environment.ts";
import type { Scheduler } from "../ports/scheduler.ts";

/** A command to be given at an instant. */
export interface ScheduledCommand {
  commandType: string;
  payload: unknown;
  runAt: Date;
}

const correlatingFields = ["correlationId", "workflowRunId", "idempotencyKey"];

const dayMs = 24 * 60 * 60_000;
/** Wake-ups told between two looks for overdue ones. */
const lookEvery = 1_000;

/** Keeps wake-ups; it triggers nothing by itself. */
export class MemoryScheduler implements Scheduler {
  readonly #environment: Pick<Environment, "now">;
  readonly #scheduled = new Map<string, ScheduledCommand>();
  #told = 0;

  constructor(environment: Pick<Environment, "now"> = realEnvironment) {
    this.#environment = environment;
  }

  /** Takes note of a wake-up, in place of an earlier one of the same command and correlation. */
  async schedule(commandType: string, payload: unknown, runAt: Date): Promise<void> {
    const about = correlationOf(payload) ?? JSON.stringify(payload);
    this.#scheduled.set(JSON.stringify([commandType, about]), structuredClone({ commandType, payload, runAt }));
    if (++this.#told % lookEvery === 0) this.takeDue(new Date(this.#environment.now() - dayMs));
  }

  /** Forgets the wake-ups of a command whose payload names this id as its correlation, run or key. */
  async cancel(commandType: string, correlationId: string): Promise<void> {
    for (const [key, entry] of this.#scheduled) {
      if (entry.commandType === commandType && isAbout(entry.payload, correlationId)) this.#scheduled.delete(key);
    }
  }

  /** Removes and answers what is due at or before `before`, earliest first. */
  takeDue(before: Date): ScheduledCommand[] {
    const due: ScheduledCommand[] = [];
    for (const [key, entry] of this.#scheduled) {
      if (entry.runAt > before) continue;
      due.push(entry);
      this.#scheduled.delete(key);
    }
    return due.sort((a, b) => a.runAt.getTime() - b.runAt.getTime());
  }
}

function correlationOf(payload: unknown): string | undefined {
  if (typeof payload !== "object" || payload === null) return undefined;
  const fields = payload as Record<string, unknown>;
  return correlatingFields.map((field) => fields[field]).find((id) => typeof id === "string") as string | undefined;
}

function isAbout(payload: unknown, id: string): boolean {
  if (typeof payload !== "object" || payload === null) return payload === id;
  return correlatingFields.some((field) => (payload as Record<string, unknown>)[field] === id);
}
