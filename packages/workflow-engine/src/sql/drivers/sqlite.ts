// SQLite through Node's own module, loaded on first use. One connection, on which calls never interleave: a statement issued while
// somebody else's transaction is open would join it, and be lost with its rollback. The lock of another process is waited for by
// timers, never inside a statement: that would stop the event loop, heartbeats included.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { WorkflowEngineError } from "../../errors.ts";
import type { Environment } from "../../ports/environment.ts";
import type { TransactionClient } from "../../ports/transaction.ts";
import { ASIDE, type Db, type Row, type Session, type SqlValue, type Statement } from "../db.ts";
import { type Dialect, sqliteDialect } from "../dialect.ts";
import { JoinedSqliteSession } from "./sqlite-joined.ts";
import { isBusy, lockedError, stayingAlive } from "./sqlite-lock.ts";
import { inTurn, sqliteQueryOf } from "./transaction-client.ts";

/** How to open a file. */
export interface SqliteDriverOptions {
  /** A file, made when missing with its folders, or `:memory:`. */
  path: string;
  environment: Environment;
  /** FULL (default) survives a power cut; NORMAL may lose the last commits to one, never to a crash of the process. */
  synchronous?: "FULL" | "NORMAL" | "OFF" | undefined;
  /** Milliseconds to wait for another process's lock; default 30,000. */
  lockTimeoutMs?: number | undefined;
  /** Runs once before anything else, holding the write lock. */
  prepare(session: Session): Promise<void>;
}

const LONGEST_PAUSE_MS = 20;
const FEW = 8;

/** A SQLite database; opens when first used. */
export class SqliteDb implements Db {
  readonly #options: SqliteDriverOptions;
  #open: { database: DatabaseSync; session: SqliteSession } | null = null;
  #isReady = false;
  #isClosed = false;
  #last: Promise<unknown> = Promise.resolve();
  #lastWriter: { owner: object | undefined; foreignVersion: number } | null = null;

  constructor(options: SqliteDriverOptions) {
    this.#options = options;
  }

  readonly lanes = 0;

  get isShared(): boolean {
    return this.#options.path !== ":memory:";
  }

  transaction<T>(work: (session: Session) => Promise<T>, owner?: object): Promise<T> {
    return this.#exclusive(async () => {
      const ready = await this.#ready();
      return this.#within("BEGIN IMMEDIATE", ready, async (session) => {
        const foreignVersion = ready.foreignVersion();
        const last = this.#lastWriter;
        this.#lastWriter = null;
        ready.isUndisturbed = owner !== undefined && last?.owner === owner && last.foreignVersion === foreignVersion;
        const result = await work(session);
        this.#lastWriter = owner === ASIDE ? last : { owner, foreignVersion };
        return result;
      });
    });
  }

  reading<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#exclusive(async () => {
      const session = await this.#ready();
      session.isUndisturbed = false;
      return this.#within("BEGIN", session, work);
    });
  }

  within<T>(client: TransactionClient, work: (session: Session) => Promise<T>): Promise<T> {
    const session = new JoinedSqliteSession(sqliteQueryOf(client, this.#options.path));
    return inTurn(client, async () => {
      if (this.#isClosed) throw closedError();
      await session.assertBegun(this.#options.path);
      return session.within(async () => {
        // there, not on the store's own connection: the caller has the lock
        if (!this.#isReady) await this.#options.prepare(session);
        return work(session);
      });
    });
  }

  foreignVersion(): number | null {
    if (!this.#isReady || !this.#open || !this.isShared) return null;
    return this.#open.session.foreignVersion();
  }

  close(): Promise<void> {
    return this.#exclusive(async () => {
      this.#isClosed = true;
      this.#open?.database.close();
      this.#open = null;
    });
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #ready(): Promise<SqliteSession> {
    if (this.#isClosed) throw closedError();
    this.#open ??= await this.#patiently(() => this.#connect());
    const { session } = this.#open;
    if (!this.#isReady) await this.#within("BEGIN IMMEDIATE", session, this.#options.prepare);
    this.#isReady = true;
    return session;
  }

  #connect(): { database: DatabaseSync; session: SqliteSession } {
    const { path, synchronous = "FULL" } = this.#options;
    const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
    if (path !== ":memory:") {
      const { dirname, resolve } = process.getBuiltinModule("node:path");
      process.getBuiltinModule("node:fs").mkdirSync(dirname(resolve(path)), { recursive: true });
    }
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      // larger pages: rows that carry payloads fit, and a batch touches fewer of them
      database.exec("PRAGMA page_size = 16384; PRAGMA journal_mode = WAL");
      database.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 2000;`);
    } catch (error) {
      database.close();
      throw error;
    }
    return { database, session: new SqliteSession(database) };
  }

  async #within<T>(begin: string, session: SqliteSession, work: (session: Session) => Promise<T>): Promise<T> {
    await this.#patiently(() => session.run(begin));
    try {
      const result = await work(session);
      session.run("COMMIT");
      return result;
    } catch (error) {
      session.rollback();
      throw error;
    }
  }

  /** Runs `step` again while another process holds the lock; no timer runs while none does. */
  async #patiently<T>(step: () => T): Promise<T> {
    const { environment, lockTimeoutMs = 30_000, path } = this.#options;
    for (let waited = 0, pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return step();
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (waited >= lockTimeoutMs) throw lockedError(path, lockTimeoutMs, error);
      }
      // jitter, so that several who wait do not come back together
      const ms = pause * (0.5 + environment.random());
      waited += ms;
      await stayingAlive(() => new Promise<void>((resolve) => environment.setTimer(ms, resolve)));
    }
  }
}

/** Runs statements on the connection. */
class SqliteSession implements Session {
  readonly dialect: Dialect = sqliteDialect;
  isUndisturbed = false;
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<Statement | string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async read(statement: Statement, params: readonly Row[]): Promise<Row[]> {
    const prepared = this.#prepare(statement);
    if (params.length === 1) return prepared.all(...bound(params[0]!)) as unknown as Row[];
    const rows: Row[] = [];
    for (const row of params) for (const found of prepared.all(...bound(row)) as unknown as Row[]) rows.push(found);
    return rows;
  }

  async write(statement: Statement, params: readonly Row[]): Promise<number> {
    const prepared = this.#prepare(statement);
    if (params.length <= FEW) return params.reduce((changes, row) => changes + Number(prepared.run(...bound(row)).changes), 0);
    // many: `get` makes no answer for each of them, and the connection has counted
    const before = this.#countChanges();
    for (const row of params) prepared.get(...bound(row));
    return this.#countChanges() - before;
  }

  async send(statement: Statement, params: readonly Row[]): Promise<void> {
    const prepared = this.#prepare(statement);
    // unlike `run`, `get` makes no answer
    for (const row of params) prepared.get(...bound(row));
  }

  /** Other processes see it by the number that `foreignVersion` answers. */
  announce(): void {}

  async execute(script: string): Promise<void> {
    this.#database.exec(script);
  }

  async attempt<T>(work: () => Promise<T>): Promise<T> {
    this.run("SAVEPOINT attempt");
    try {
      const result = await work();
      this.run("RELEASE attempt");
      return result;
    } catch (error) {
      this.run("ROLLBACK TO attempt");
      this.run("RELEASE attempt");
      throw error;
    }
  }

  /** Runs a statement without parameters. */
  run(text: string): void {
    this.#cached(text, text).run();
  }

  rollback(): void {
    // some errors, a full disk among them, have rolled back already
    if (this.#database.isTransaction) this.run("ROLLBACK");
  }

  foreignVersion(): number {
    const row = this.#cached("PRAGMA data_version", "PRAGMA data_version").get() as unknown as Row;
    return Number(row[0]);
  }

  #countChanges(): number {
    const row = this.#cached("SELECT total_changes()", "SELECT total_changes()").get() as unknown as Row;
    return Number(row[0]);
  }

  #prepare(statement: Statement): StatementSync {
    return this.#prepared.get(statement) ?? this.#cached(statement, statement.render(this.dialect));
  }

  #cached(key: Statement | string, text: string): StatementSync {
    let prepared = this.#prepared.get(key);
    if (!prepared) {
      this.#prepared.set(key, (prepared = this.#database.prepare(text)));
      prepared.setReturnArrays(true);
    }
    return prepared;
  }
}

function closedError(): WorkflowEngineError {
  return new WorkflowEngineError("STORE_CLOSED", "The store is closed. Create a new one.");
}

function bound(row: Row): SqlValue[] {
  return row as SqlValue[];
}
