// PostgreSQL through `pg`. Transactions run side by side, each on a connection of the pool, at READ COMMITTED; rows are what keeps them
// apart. Nothing leans on a session: a pooler may give every transaction another one (P20, P21).
import { WorkflowEngineError } from "../../errors.ts";
import type { Environment } from "../../ports/environment.ts";
import type { StoreSignal } from "../../ports/store.ts";
import type { TransactionClient } from "../../ports/transaction.ts";
import { again, type Db, type Session } from "../db.ts";
import { hashOf } from "../lanes.ts";
import {
  isBroken,
  isUnanswered,
  type PgClient,
  type PgPool,
  type PgPoolClient,
  type PgQuery,
  READ_ONLY,
  translate,
} from "./postgres-client.ts";
import { DatabaseClock } from "./postgres-clock.ts";
import { betweenSavepoints, joinedClient } from "./postgres-joined.ts";
import { encodeSignal, PostgresListener } from "./postgres-listener.ts";
import { StatementTexts } from "./postgres-names.ts";
import { PostgresPool } from "./postgres-pool.ts";
import { PostgresSession } from "./postgres-session.ts";
import { inTurn, queryOf } from "./transaction-client.ts";

/** How to reach a database. */
export interface PostgresDriverOptions {
  connectionString?: string | undefined;
  /** A `pg.Pool` of the caller's own; it stays open when the store closes. */
  pool?: PgPool | undefined;
  schema: string;
  /** Tables of the store, whose names get their schema. */
  tables: readonly string[];
  /** Batches of units under way at once. */
  lanes: number;
  /** False: nobody is told and nobody listens. A text: where to listen, for a database behind a pooler. */
  notify: boolean | string;
  environment: Environment;
  /** Milliseconds without an answer after which a connection counts as broken. */
  answerTimeoutMs: number;
  /** The instant that leases are judged by; the database's clock unless given. */
  now?: (() => number) | undefined;
  /** Runs before the first transaction. */
  prepare(db: PostgresDb): Promise<void>;
  /** True when the first transaction needs nothing to be prepared. */
  isPrepared(session: Session): Promise<boolean>;
}

/** Beside the lanes: claims, events, leases, reading, and calls of the CRUD port. */
const OTHER_CONNECTIONS = 6;
/** A PostgreSQL database; connects when first used. */
export class PostgresDb implements Db {
  readonly lanes: number;
  readonly isShared = true;
  readonly #options: PostgresDriverOptions;
  readonly #pool: PostgresPool;
  readonly #texts: StatementTexts;
  readonly #channel: string;
  readonly #sender: string;
  #isPrepared = true;
  #ready: Promise<void> | null = null;
  #isClosed = false;
  /** Transactions that are not over. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #listeners = new Set<PostgresListener>();
  readonly #clock: DatabaseClock;

  constructor(options: PostgresDriverOptions) {
    const { lanes, schema, tables, connectionString, pool, environment, answerTimeoutMs } = options;
    this.#options = options;
    this.lanes = lanes;
    this.#pool = new PostgresPool({ connectionString, pool, size: lanes + OTHER_CONNECTIONS, answerTimeoutMs });
    this.#texts = new StatementTexts(schema, tables);
    this.#channel = `workflow_engine_${hashOf(schema).toString(36)}`;
    this.#sender = environment.newId();
    this.#clock = new DatabaseClock(environment, (read) => this.begin("BEGIN", read), options.now);
  }

  /** The database's time, as far as it is known. */
  now(): number {
    return this.#clock.now();
  }

  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    await this.#prepared();
    return this.begin("BEGIN ISOLATION LEVEL READ COMMITTED", work);
  }

  async reading<T>(work: (session: Session) => Promise<T>): Promise<T> {
    await this.#prepared();
    // it leaves nothing behind, so that it may be done again whenever the connection broke
    return again(() => this.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work, false));
  }

  within<T>(client: TransactionClient, work: (session: Session) => Promise<T>): Promise<T> {
    const connection = joinedClient(client, queryOf(client));
    return inTurn(client, async () => {
      this.#assertOpen();
      const session = this.#sessionOn(connection, [], true);
      return betweenSavepoints(connection, async () => {
        // seen from here: a connection of the store's own might be waited for in vain, when callers' transactions have all of them
        if (!this.#ready && !(await this.#options.isPrepared(session))) await this.#prepared();
        this.#ready ??= Promise.resolve();
        await this.#clock.keep(session);
        const result = await work(session);
        await session.commit();
        return result;
      });
    });
  }

  async foreignVersion(): Promise<null> {
    return null;
  }

  listen(heard: (signal: StoreSignal) => void): () => void {
    const { notify, environment, answerTimeoutMs } = this.#options;
    const listener = new PostgresListener(
      {
        channel: this.#channel,
        sender: this.#sender,
        environment,
        answerTimeoutMs,
        createConnection: notify === false ? null : () => this.#pool.createListener(notify === true ? undefined : notify),
      },
      (signal, at) => heard(this.#clock.hears(signal, at)),
    );
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      listener.close();
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#ready?.catch(() => undefined);
    await this.#clock.settled();
    // a pool that is ended forgets whoever waits for a connection
    await Promise.allSettled(this.#underWay);
    await this.#pool.end();
  }

  /** A transaction that needs no schema to be there; `isWriting` false: one that has nothing to commit. */
  async begin<T>(begin: string, work: (session: PostgresSession) => Promise<T>, isWriting = true): Promise<T> {
    this.#assertOpen();
    const result = this.#transact(begin, work, isWriting);
    this.#underWay.add(result);
    try {
      return await result;
    } finally {
      this.#underWay.delete(result);
    }
  }

  async #transact<T>(begin: string, work: (session: PostgresSession) => Promise<T>, isWriting: boolean): Promise<T> {
    const client = await this.#pool.connect();
    const session = this.#sessionOn(client, [begin, ...this.#pool.settings]);
    try {
      await this.#clock.keep(session);
      const result = await work(session);
      await session.commit();
      this.#pool.release(client);
      return result;
    } catch (error) {
      await this.#giveUp(client, session, error);
      throw translate(error, isWriting && session.isCommitSent);
    }
  }

  #sessionOn(client: PgClient, begin: readonly string[], isJoined = false): PostgresSession {
    return new PostgresSession(client, {
      texts: this.#texts,
      begin,
      mayBeBare: this.#pool.settings.length === 0,
      isPrepared: this.#isPrepared && !isJoined,
      isJoined,
      answerTimeoutMs: this.#options.answerTimeoutMs,
      now: this.#options.now,
      notify: (signal) => this.#notification(signal, isJoined),
    });
  }

  /**
   * What this process keeps for itself needs no call: events that it publishes, and stages it was handed. Of a caller's transaction it hears
   * like everybody else, when that commits.
   */
  #notification(signal: StoreSignal, isJoined: boolean): PgQuery | null {
    const { hasWork, hasEvents, mayHaveLost, wakeAt, ended } = signal;
    const isNews = hasWork || mayHaveLost || wakeAt !== null || ended === null || ended.length > 0;
    if (this.#options.notify === false || !(isNews || (hasEvents && (isJoined || this.#listeners.size === 0)))) return null;
    return { text: "SELECT pg_notify($1, $2)", values: [this.#channel, encodeSignal(isJoined ? "" : this.#sender, signal, this.now())] };
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new WorkflowEngineError("STORE_CLOSED", "The store is closed. Create a new one.");
  }

  async #giveUp(client: PgPoolClient, session: PostgresSession, error: unknown): Promise<void> {
    // a pooler gave the transaction another session than the one that prepared it: from now on every text travels whole
    if (session.refusals.has("26000") || session.refusals.has("42P05")) this.#isPrepared = false;
    const isReadOnly = session.refusals.has(READ_ONLY);
    if (isReadOnly || isUnanswered(error)) this.#suspectAll();
    try {
      if (isReadOnly || isBroken(error)) throw error;
      await session.rollback();
      this.#pool.release(client);
    } catch {
      client.release(true);
    }
  }

  /** What breaks without a word rarely breaks alone. */
  #suspectAll(): void {
    this.#pool.suspectAll();
    for (const listener of this.#listeners) listener.check();
  }

  async #prepared(): Promise<void> {
    this.#assertOpen();
    // an error is the caller's; the next one tries again
    this.#ready ??= this.#options.prepare(this).catch((error: unknown) => {
      this.#ready = null;
      throw error;
    });
    return this.#ready;
  }
}
