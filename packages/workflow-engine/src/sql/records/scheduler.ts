// Wake-ups that a host may ask for, kept in a table (P12): one a command and correlation, the last one told. A host that sleeps takes
// what is due; one that polls anyway needs none of it, so whoever tells of one does not wait for the disk.
import type { Environment } from "../../ports/environment.ts";
import type { Scheduler } from "../../ports/scheduler.ts";
import { toStorableText } from "../../store/storable-text.ts";
import type { Row, Session } from "../db.ts";
import { forOne, forRows } from "../dialect.ts";
import { fromText, toText } from "./json-text.ts";
import { RowQueue } from "./row-queue.ts";
import type { Steps } from "./steps.ts";

const saveTimers = forRows(
  "save_timers",
  { command_type: "text", correlation_id: "text", payload: "text", run_at: "int" },
  (_, { insert }) => {
    return `${insert("timers")} ON CONFLICT (command_type, correlation_id) DO UPDATE SET payload = excluded.payload, run_at = excluded.run_at`;
  },
);
// nobody takes them where every host polls
const dropOverdue = forOne("drop_overdue_timers", { before: "int" }, (p) => `DELETE FROM timers WHERE run_at < ${p.before}`);
const listTimers = forOne("list_timers", { command_type: "text" }, (p) => {
  return `SELECT correlation_id, payload FROM timers WHERE command_type = ${p.command_type}`;
});
const deleteTimers = forRows("delete_timers", { command_type: "text", correlation_id: "text" }, (u, { using }) => {
  return `DELETE FROM timers ${using} WHERE timers.command_type = ${u.command_type} AND timers.correlation_id = ${u.correlation_id}`;
});
const takeTimers = forOne("take_timers", { before: "int" }, (p) => {
  return `DELETE FROM timers WHERE run_at <= ${p.before} RETURNING command_type, payload, run_at`;
});

const DAY_MS = 24 * 60 * 60_000;
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
  readonly #environment: Pick<Environment, "now">;
  readonly #queue: RowQueue<Row>;
  #droppedAt = 0;

  constructor(steps: Steps, environment: Pick<Environment, "now">) {
    this.#steps = steps;
    this.#environment = environment;
    this.#queue = new RowQueue(steps, (session, rows) => this.#save(session, rows));
  }

  /** Takes note of a wake-up, in place of an earlier one of the same command and correlation. */
  async schedule(commandType: string, payload: unknown, runAt: Date): Promise<void> {
    const text = toText(payload) ?? "null";
    this.#queue.add([commandType, toStorableText(correlationOf(payload) ?? text), text, runAt.getTime()]);
  }

  /** Forgets the wake-ups of a command whose payload names this id as its correlation, run or key. */
  async cancel(commandType: string, correlationId: string): Promise<void> {
    await this.#queue.flush();
    await this.#steps.write(async ({ session }) => {
      const timers = await session.read(listTimers, [[commandType]]);
      const ours = timers.filter(([, payload]) => isAbout(fromText(payload as string), correlationId));
      if (ours.length === 0) return;
      await session.write(
        deleteTimers,
        ours.map(([key]) => [commandType, key!]),
      );
    });
  }

  /** Removes and answers what is due at or before `before`, earliest first. */
  async takeDue(before: Date): Promise<ScheduledCommand[]> {
    await this.#queue.flush();
    const rows = await this.#steps.write(({ session }) => session.read(takeTimers, [[before.getTime()]]));
    const due = rows.map(([commandType, payload, runAt]) => {
      return { commandType: commandType as string, payload: fromText(payload as string), runAt: new Date(runAt as number) };
    });
    return due.sort((a, b) => a.runAt.getTime() - b.runAt.getTime());
  }

  /** Writes every wake-up noted so far. */
  flush(): Promise<void> {
    return this.#queue.flush();
  }

  async #save(session: Session, rows: readonly Row[]): Promise<void> {
    // of two of one key the last one counts, also where both are one statement
    const last = new Map(rows.map((row) => [JSON.stringify(row.slice(0, 2)), row]));
    await session.write(saveTimers, [...last.values()]);
    const now = this.#environment.now();
    if (now - this.#droppedAt < DAY_MS) return;
    this.#droppedAt = now;
    await session.write(dropOverdue, [[now - DAY_MS]]);
  }
}

function correlationOf(payload: unknown): string | null {
  if (typeof payload !== "object" || payload === null) return null;
  const found = correlatingFields.map((field) => (payload as Record<string, unknown>)[field]).find((id) => typeof id === "string");
  return (found as string | undefined) ?? null;
}

function isAbout(payload: unknown, id: string): boolean {
  if (typeof payload !== "object" || payload === null) return payload === id;
  return correlatingFields.some((field) => (payload as Record<string, unknown>)[field] === id);
}
