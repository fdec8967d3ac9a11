// Wake-ups that a host may ask for, kept in a table (P12): one a command and correlation, the last one told. A host that sleeps takes
// what is due; one that polls anyway needs none of it.
import type { Scheduler } from "../../ports/scheduler.ts";
import { forOne } from "../dialect.ts";
import { fromText, toText } from "./json-text.ts";
import type { Steps } from "./steps.ts";

const saveTimer = forOne("save_timer", { command_type: "text", correlation_id: "text", payload: "text", run_at: "int" }, (p) => {
  return `INSERT INTO timers (command_type, correlation_id, payload, run_at)
    VALUES (${p.command_type}, ${p.correlation_id}, ${p.payload}, ${p.run_at})
    ON CONFLICT (command_type, correlation_id) DO UPDATE SET payload = excluded.payload, run_at = excluded.run_at`;
});
const deleteTimer = forOne("delete_timer", { command_type: "text", correlation_id: "text" }, (p) => {
  return `DELETE FROM timers WHERE command_type = ${p.command_type} AND correlation_id = ${p.correlation_id}`;
});
const takeTimers = forOne("take_timers", { before: "int" }, (p) => {
  return `DELETE FROM timers WHERE run_at <= ${p.before} RETURNING command_type, payload, run_at`;
});

const correlatingFields = ["correlationId", "workflowRunId", "idempotencyKey"];

/** A command to be given at an instant. */
export interface ScheduledCommand {
  commandType: string;
  payload: unknown;
  runAt: Date;
}

/** Keeps wake-ups; it triggers nothing by itself. */
export class SqlScheduler implements Scheduler {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /** Keeps a wake-up in place of an earlier one of the same command and correlation: the payload's first field that names one, or it all. */
  async schedule(commandType: string, payload: unknown, runAt: Date): Promise<void> {
    const text = toText(payload) ?? "null";
    await this.#steps.write(({ session }) =>
      session.write(saveTimer, [[commandType, correlationOf(payload) ?? text, text, runAt.getTime()]]),
    );
  }

  async cancel(commandType: string, correlationId: string): Promise<void> {
    await this.#steps.write(({ session }) => session.write(deleteTimer, [[commandType, correlationId]]));
  }

  /** Removes and answers what is due at or before `before`, earliest first. */
  async takeDue(before: Date): Promise<ScheduledCommand[]> {
    const rows = await this.#steps.write(({ session }) => session.read(takeTimers, [[before.getTime()]]));
    const due = rows.map(([commandType, payload, runAt]) => {
      return { commandType: commandType as string, payload: fromText(payload as string), runAt: new Date(runAt as number) };
    });
    return due.sort((a, b) => a.runAt.getTime() - b.runAt.getTime());
  }
}

function correlationOf(payload: unknown): string | null {
  if (typeof payload === "string") return payload;
  if (typeof payload !== "object" || payload === null) return null;
  const found = correlatingFields.map((field) => (payload as Record<string, unknown>)[field]).find((id) => typeof id === "string");
  return (found as string | undefined) ?? null;
}
