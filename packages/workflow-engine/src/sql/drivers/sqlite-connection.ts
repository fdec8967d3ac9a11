// A connection to a SQLite database as a list of steps at a time: one list is one message where the connection is in a thread of its own.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Row, SqlValue } from "../db.ts";

/** How to open a connection. */
export interface SqliteFile {
  /** A file, made when missing with its folders, or `:memory:`. */
  readonly path: string;
  readonly synchronous: "FULL" | "NORMAL" | "OFF";
  /** True for a connection that writes nothing, to a file that is there. */
  readonly isReader?: boolean;
}

/** A statement for each row: `read` answers rows, `write` how many have changed, `send` nothing; `check` that each has found a row. */
export interface RowsStep {
  readonly do: "read" | "write" | "send" | "check";
  readonly text: string;
  readonly rows: readonly Row[];
}

/** What a connection is asked to do. */
export type Step =
  | RowsStep
  /** A statement without parameters. */
  | { readonly do: "run"; readonly text: string }
  /** Several of them. */
  | { readonly do: "script"; readonly text: string }
  /** Ends a transaction if one is open: some errors, a full disk among them, have done so already. */
  | { readonly do: "rollback" }
  /** Answers a number that changes with commits of other connections. */
  | { readonly do: "version" };

/** What a step came to. */
export type StepAnswer = Row[] | number | null;

/** Whoever runs steps; `Packed` is the form in which it takes them. */
export interface SqliteConnection<Packed = unknown> {
  readonly isOpen: boolean;
  open(): Promise<void>;
  /** Packs steps to be run, once or several times. */
  pack(steps: readonly Step[]): Packed;
  /** Runs steps in order; an answer each. Rejects with the first error: nothing behind it has run. */
  run(packed: Packed): Promise<StepAnswer[]>;
  close(): Promise<void>;
}

/** What a `check` found: somebody else has changed the row. */
export class Disturbed extends Error {
  readonly code = "DISTURBED";
}

/** The step that begins a transaction that may write. */
export const begin: Step = { do: "run", text: "BEGIN IMMEDIATE" };
/** The step that ends one. */
export const commit: Step = { do: "run", text: "COMMIT" };

/** A connection in this thread. */
export class LocalConnection implements SqliteConnection<readonly Step[]> {
  readonly #file: SqliteFile;
  readonly #prepared = new Map<string, StatementSync>();
  #database: DatabaseSync | null = null;

  constructor(file: SqliteFile) {
    this.#file = file;
  }

  get isOpen(): boolean {
    return this.#database !== null;
  }

  async open(): Promise<void> {
    this.#database ??= connect(this.#file);
  }

  pack(steps: readonly Step[]): readonly Step[] {
    return steps;
  }

  async run(steps: readonly Step[]): Promise<StepAnswer[]> {
    const database = this.#opened();
    try {
      return steps.map((step) => this.#step(database, step));
    } catch (error) {
      // a list that begins or ends a transaction leaves none behind: the next one may be somebody else's
      if (isRun(steps[0], "BEGIN") || isRun(steps.at(-1), "COMMIT")) this.#rollback(database);
      throw error;
    }
  }

  #opened(): DatabaseSync {
    if (!this.#database) throw new Error("The connection to the file is closed");
    return this.#database;
  }

  async close(): Promise<void> {
    this.#database?.close();
    this.#database = null;
    this.#prepared.clear();
  }

  #step(database: DatabaseSync, step: Step): StepAnswer {
    switch (step.do) {
      case "run":
        this.#prepare(database, step.text).run();
        return null;
      case "script":
        database.exec(step.text);
        return null;
      case "rollback":
        this.#rollback(database);
        return null;
      case "version":
        return this.#number(database, "PRAGMA data_version");
      default:
        return this.#rows(database, step);
    }
  }

  #rows(database: DatabaseSync, step: RowsStep): StepAnswer {
    const prepared = this.#prepare(database, step.text);
    if (step.do === "read") return readRows(prepared, step.rows);
    if (step.do === "check") return check(prepared, step.rows);
    const before = step.do === "write" ? this.#number(database, "SELECT total_changes()") : 0;
    // unlike `run`, `get` makes no answer of what is changed
    for (const row of step.rows) prepared.get(...bound(row));
    return step.do === "write" ? this.#number(database, "SELECT total_changes()") - before : null;
  }

  #rollback(database: DatabaseSync): void {
    if (database.isTransaction) database.exec("ROLLBACK");
  }

  #number(database: DatabaseSync, text: string): number {
    return Number((this.#prepare(database, text).get() as unknown as Row)[0]);
  }

  #prepare(database: DatabaseSync, text: string): StatementSync {
    let prepared = this.#prepared.get(text);
    if (!prepared) {
      this.#prepared.set(text, (prepared = database.prepare(text)));
      prepared.setReturnArrays(true);
    }
    return prepared;
  }
}

function isRun(step: Step | undefined, word: string): boolean {
  return step?.do === "run" && step.text.startsWith(word);
}

function readRows(prepared: StatementSync, params: readonly Row[]): Row[] {
  if (params.length === 1) return prepared.all(...bound(params[0]!)) as unknown as Row[];
  const rows: Row[] = [];
  for (const row of params) for (const found of prepared.all(...bound(row)) as unknown as Row[]) rows.push(found);
  return rows;
}

function connect({ path, synchronous, isReader }: SqliteFile): DatabaseSync {
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  if (path !== ":memory:") {
    const { dirname, resolve } = process.getBuiltinModule("node:path");
    process.getBuiltinModule("node:fs").mkdirSync(dirname(resolve(path)), { recursive: true });
  }
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // larger pages: rows that carry payloads fit, and a batch touches fewer of them
    if (!isReader) database.exec("PRAGMA page_size = 16384; PRAGMA journal_mode = WAL");
    database.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 2000;`);
    if (isReader) database.exec("PRAGMA query_only = ON");
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

function bound(row: Row): SqlValue[] {
  return row as SqlValue[];
}

/** Runs a statement that is to answer or change a row for each of its own; what triggers change does not count. */
function check(prepared: StatementSync, rows: readonly Row[]): null {
  const isAnswering = prepared.columns().length > 0;
  for (const row of rows) {
    const isFound = isAnswering ? prepared.get(...bound(row)) !== undefined : Number(prepared.run(...bound(row)).changes) > 0;
    if (!isFound) throw new Disturbed("Somebody else has changed a run meanwhile");
  }
  return null;
}
