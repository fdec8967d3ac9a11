// Counts what engines ask of SQLite, by standing before the methods of node:sqlite's classes; every engine here uses that module.
// A commit is a COMMIT, or a writing statement outside a transaction. Install it before a database is opened.
import { DatabaseSync, StatementSync } from "node:sqlite";

const writing = /^\s*(insert|update|delete|replace|with)\b/i;
const committing = /^\s*(commit|end)\b/i;
const verbs = ["run", "get", "all", "iterate"] as const;

/** Calls counted since it was installed. */
export class DriverCounter {
  statements = 0;
  commits = 0;
  readonly #databases = new WeakMap<StatementSync, DatabaseSync>();

  /** Counts every call of this process from now on. */
  static install(): DriverCounter {
    const counter = new DriverCounter();
    counter.#standBeforeDatabases();
    for (const verb of verbs) counter.#standBefore(verb);
    return counter;
  }

  #standBeforeDatabases(): void {
    const counter = this;
    const { prepare, exec } = DatabaseSync.prototype;
    DatabaseSync.prototype.prepare = function (this: DatabaseSync, ...args) {
      const statement = prepare.apply(this, args);
      counter.#databases.set(statement, this);
      return statement;
    };
    DatabaseSync.prototype.exec = function (this: DatabaseSync, sql) {
      counter.#count(sql, this);
      return exec.call(this, sql);
    };
  }

  #standBefore(verb: (typeof verbs)[number]): void {
    const counter = this;
    // the four methods differ in what they answer only
    const original = StatementSync.prototype[verb] as (this: StatementSync, ...args: unknown[]) => unknown;
    const counted = function (this: StatementSync, ...args: unknown[]): unknown {
      counter.#count(this.sourceSQL, counter.#databases.get(this));
      return original.apply(this, args);
    };
    Object.defineProperty(StatementSync.prototype, verb, { value: counted, configurable: true, writable: true });
  }

  #count(sql: string, database: DatabaseSync | undefined): void {
    this.statements++;
    if (committing.test(sql) || (writing.test(sql) && database?.isTransaction === false)) this.commits++;
  }
}
