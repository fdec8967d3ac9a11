// Every prepared statement that this process sends to PostgreSQL, with what it was given: the list of those to be examined grows by
// itself. Of each a few are kept, the first and the last; for one row and for many they are two.
import pg from "pg";
import type { PgQuery } from "../sql/drivers/postgres-client.ts";
import { StatementTrain } from "../sql/drivers/postgres-train.ts";
import { arraysOf } from "../sql/drivers/postgres-values.ts";

const keptAtEachEnd = 2;

/** A statement as it was sent. */
export interface RecordedStatement {
  /** As the store names it. */
  readonly name: string;
  /** Its text, whose tables are of the schema it was sent for. */
  readonly text: string;
  readonly values: ReadonlyArray<string | null>;
}

type Query = (this: pg.Client, ...args: unknown[]) => unknown;

/** Records from when it is made until it is stopped. */
export class RecordedStatements {
  readonly #kept = new Map<string, RecordedStatement[]>();
  readonly #prototype = pg.Client.prototype as unknown as { query: Query };
  readonly #original = this.#prototype.query;
  #settings = "";

  constructor() {
    const record = (asked: unknown): void => {
      if (asked instanceof StatementTrain) for (const query of asked.queries) this.#record(query);
      else this.#record(asked as PgQuery | undefined);
    };
    const original = this.#original;
    this.#prototype.query = function (...args) {
      record(args[0]);
      return original.apply(this, args);
    };
  }

  /** The statement that pins plans in transactions of the store. */
  get settings(): string {
    return this.#settings;
  }

  /** Names of all statements. */
  get names(): string[] {
    return [...new Set(this.all.map(({ name }) => name))].sort();
  }

  /** What was kept of all statements. */
  get all(): RecordedStatement[] {
    return [...this.#kept.values()].flat();
  }

  stop(): void {
    this.#prototype.query = this.#original;
  }

  #record(query: PgQuery | undefined): void {
    const { text, name, many, values = many ? arraysOf(many) : [] } = query ?? {};
    if (text?.includes("set_config('enable_")) this.#settings = text;
    if (text === undefined || name === undefined || !/^(SELECT|INSERT|UPDATE|DELETE|WITH) /.test(text)) return;
    // behind the name of the statement is that of its text
    const statement = { name: name.slice(0, name.lastIndexOf("_")), text, values };
    const kept = this.#kept.get(text) ?? [];
    if (kept.some((one) => JSON.stringify(one.values) === JSON.stringify(values))) return;
    if (kept.length === 2 * keptAtEachEnd) kept.splice(keptAtEachEnd, 1);
    this.#kept.set(text, [...kept, statement]);
  }
}
