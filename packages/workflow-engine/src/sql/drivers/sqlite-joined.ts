// Inside a transaction of the caller's on SQLite, on the caller's own connection to the store's file. Parameters travel as plain `?`, which
// every client takes, each at its place. What fails is undone to a savepoint.
import { WorkflowEngineError } from "../../errors.ts";
import type { StoreSignal } from "../../ports/store.ts";
import type { TransactionQuery } from "../../ports/transaction.ts";
import { Conflict, type Row, type Session, type SqlValue, type Statement } from "../db.ts";
import { type Dialect, sqliteDialect } from "../dialect.ts";
import { noTransaction } from "./transaction-client.ts";

const savepoint = "workflow_engine";

/** Runs statements on the caller's connection. */
export class JoinedSqliteSession implements Session {
  readonly dialect: Dialect = sqliteDialect;
  readonly #query: TransactionQuery;

  constructor(query: TransactionQuery) {
    this.#query = query;
  }

  async read(statement: Statement, params: readonly Row[]): Promise<Row[]> {
    const rows: Row[] = [];
    for (const row of params) for (const found of await this.#run(statement, row)) rows.push((found as SqlValue[]).map(asRead));
    return rows;
  }

  async write(statement: Statement, params: readonly Row[]): Promise<number> {
    const before = await this.#count("SELECT total_changes()");
    await this.send(statement, params);
    return (await this.#count("SELECT total_changes()")) - before;
  }

  async send(statement: Statement, params: readonly Row[]): Promise<void> {
    const isAnswering = statement.render(sqliteDialect).startsWith("SELECT");
    for (const row of params) {
      const answer = await this.#run(statement, row);
      // what triggers change does not count
      const isFound = !statement.isCheck || (isAnswering ? answer.length > 0 : (await this.#count("SELECT changes()")) > 0);
      if (!isFound) throw new Conflict(new Error("Somebody else has changed a run meanwhile"));
    }
  }

  /** Other connections see the commit by the number that `foreignVersion` answers. */
  announce(_: StoreSignal): void {}

  async execute(script: string): Promise<void> {
    for (const text of script.split(/;\s*(?:\n|$)/)) if (text.trim() !== "") await this.#query(text, []);
  }

  async attempt<T>(work: () => Promise<T>): Promise<T> {
    return this.#between("attempt", work);
  }

  /** Runs `work` between a savepoint and its release; what throws has undone itself. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    return this.#between(savepoint, work);
  }

  /** Throws where the file is another than `path`, or no transaction is open: a savepoint would begin one that nobody ends. */
  async assertBegun(path: string): Promise<void> {
    const [main] = await this.#query("PRAGMA database_list", []);
    const file = String((main as SqlValue[])[2]);
    if (!isSameFile(file, path)) {
      const text = `The connection given to transaction(client) is open on ${file || "no file"}, the store on ${path}. They must be on the same file.`;
      throw new WorkflowEngineError("NOT_CONFIGURED", text);
    }
    try {
      await this.#query("BEGIN", []);
    } catch (error) {
      if (error instanceof WorkflowEngineError) throw error;
      return;
    }
    await this.#query("ROLLBACK", []);
    throw noTransaction("BEGIN IMMEDIATE");
  }

  async #between<T>(name: string, work: () => Promise<T>): Promise<T> {
    await this.#query(`SAVEPOINT ${name}`, []);
    try {
      const result = await work();
      await this.#query(`RELEASE ${name}`, []);
      return result;
    } catch (error) {
      try {
        await this.#query(`ROLLBACK TO ${name}`, []);
        await this.#query(`RELEASE ${name}`, []);
      } catch {
        // the transaction is gone, and everything with it
      }
      throw error;
    }
  }

  async #count(text: string): Promise<number> {
    const [row] = await this.#query(text, []);
    return Number((row as SqlValue[])[0]);
  }

  async #run(statement: Statement, row: Row): Promise<readonly unknown[]> {
    const params: SqlValue[] = [];
    const text = statement.render(this.dialect).replace(/\?(\d+)/g, (_, position: string) => {
      params.push(row[Number(position) - 1] ?? null);
      return "?";
    });
    return this.#query(text, params);
  }
}

function isSameFile(one: string, other: string): boolean {
  const { realpathSync } = process.getBuiltinModule("node:fs");
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    // one of them is not there
    return false;
  }
}

/** A connection may be set to answer whole numbers as bigint. */
function asRead(value: unknown): SqlValue {
  return typeof value === "bigint" ? Number(value) : (value as SqlValue);
}
