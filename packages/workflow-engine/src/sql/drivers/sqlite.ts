// SQLite through Node's own module, loaded on first use. One connection at a time writes, here or in a thread, and another reads. Transactions
// never interleave: a statement issued while somebody else's is open would join it, and be lost with its rollback. One that reads has the
// connection to itself from its first question to its end; one that only writes is a single message, and messages wait for each other in
// the thread. The lock of another process is waited for by timers, never inside a statement: that would stop whoever waits behind it.
import { WorkflowEngineError } from "../../errors.ts";
import type { Environment } from "../../ports/environment.ts";
import type { TransactionClient } from "../../ports/transaction.ts";
import { Conflict, type Db, type Row, type Session, type Statement } from "../db.ts";
import { sqliteDialect } from "../dialect.ts";
import { begin, commit, LocalConnection, type SqliteConnection, type Step, type StepAnswer } from "./sqlite-connection.ts";
import { JoinedSqliteSession } from "./sqlite-joined.ts";
import { isBusy, isTaken, lockedError, stayingAlive } from "./sqlite-lock.ts";
import { SqliteSession, type SqliteTurn } from "./sqlite-session.ts";
import { threadProgram } from "./sqlite-thread-connection.ts";
import { Turns } from "./sqlite-turns.ts";
import { SqliteWriters } from "./sqlite-writers.ts";
import { inTurn, sqliteQueryOf } from "./transaction-client.ts";

/** How to open a file. */
export interface SqliteDriverOptions {
  /** A file, made when missing with its folders, or `:memory:`. */
  path: string;
  environment: Environment;
  /** FULL (default) survives a power cut; NORMAL may lose the last commits to one, never to a crash of the process. */
  synchronous?: "FULL" | "NORMAL" | "OFF" | undefined;
  /** Rows of a transaction from which on a thread writes it, and what comes soon after; no thread is ever started unless given. */
  threadFrom?: number | undefined;
  /** Milliseconds to wait for another process's lock; default 30,000. */
  lockTimeoutMs?: number | undefined;
  /** Runs once before anything else, holding the write lock. */
  prepare(session: Session): Promise<void>;
}

const LONGEST_PAUSE_MS = 20;
/** Batches of units under way at once: with two, both threads wait for each other; more than four only make more commits. */
const LANES = 4;

/** A SQLite database; opens when first used. */
export class SqliteDb implements Db {
  readonly lanes: number;
  readonly isShared: boolean;
  readonly #options: SqliteDriverOptions;
  readonly #writers: SqliteWriters;
  /** Null where one connection does everything: nobody else sees a database in memory. */
  readonly #reader: LocalConnection | null;
  readonly #writing = new Turns();
  readonly #reading = new Turns();
  readonly #underWay = new Set<Promise<unknown>>();
  #opening: Promise<void> | null = null;
  #isReady = false;
  #isClosed = false;

  constructor(options: SqliteDriverOptions) {
    const { path, synchronous = "FULL" } = options;
    this.#options = options;
    this.isShared = path !== ":memory:";
    const program = options.threadFrom !== undefined && this.isShared ? threadProgram() : null;
    this.lanes = program ? LANES : 0;
    this.#writers = new SqliteWriters({ path, synchronous }, program && { program, from: options.threadFrom! }, () =>
      options.environment.now(),
    );
    this.#reader = this.isShared ? new LocalConnection({ path, synchronous, isReader: true }) : null;
  }

  get takesTurns(): boolean {
    return this.#writers.takesTurns;
  }

  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#counted(async () => {
      if (!this.#isReady) await this.#ready();
      return this.#settled(new SqliteSession(this.#writingTurn()), work);
    });
  }

  reading<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#counted(async () => {
      if (!this.#isReady) await this.#ready();
      return this.#settled(new SqliteSession(this.#readingTurn()), work);
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

  async foreignVersion(): Promise<number | null> {
    if (!this.#isReady || this.#isClosed || !this.isShared) return null;
    return this.#writers.foreignVersion();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#underWay);
    // the last to close tidies up, which a reader may not
    await this.#reader?.close();
    await this.#writers.close();
  }

  /** Runs what a closing store waits for. */
  async #counted<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw closedError();
    const result = work();
    this.#underWay.add(result);
    try {
      return await result;
    } finally {
      this.#underWay.delete(result);
    }
  }

  #ready(): Promise<void> {
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #open(): Promise<void> {
    await this.#settled(new SqliteSession(this.#writingTurn()), this.#options.prepare);
    if (this.#reader) await this.#patiently(() => this.#reader!.open());
    this.#isReady = true;
  }

  async #settled<T>(session: SqliteSession, work: (session: Session) => Promise<T>): Promise<T> {
    try {
      const result = await work(session);
      await session.commit();
      return result;
    } catch (error) {
      await session.rollback();
      throw isTaken(error) ? new Conflict(error) : error;
    }
  }

  /** A turn at the connection that writes: it lasts from the first question to the end, and for what asks nothing until it is sent. */
  #writingTurn(): SqliteTurn {
    let writer: SqliteConnection | null = null;
    let end = (): void => undefined;
    const turn: SqliteTurn = {
      begin: (steps, isLast) => {
        let waiting: readonly Step[] = isLast ? [begin, ...steps, commit] : [begin, ...steps];
        let packed: unknown = null;
        return this.#patiently(async () => {
          end = await this.#writing.next();
          try {
            writer ??= this.#writers.choose(waiting);
            if (!writer.isOpen) await writer.open();
            // rows that lived on until the answer would be copied by the garbage collector
            packed ??= writer.pack(waiting);
            waiting = [];
            const answers = writer.run(packed);
            if (isLast) end();
            return (await answers).slice(1);
          } catch (error) {
            end();
            throw error;
          }
        });
      },
      run: (steps, isLast) => {
        const answers = writer!.run(writer!.pack(isLast ? [...steps, commit] : steps));
        if (isLast) end();
        return answers;
      },
      undo: async () => {
        try {
          if (writer?.isOpen) await writer.run(writer.pack([{ do: "rollback" }]));
        } finally {
          end();
        }
      },
    };
    if (this.#reader && this.#isReady && !this.takesTurns) turn.look = (statement, params) => this.#look(this.#reader!, statement, params);
    return turn;
  }

  /** A turn to read: where somebody writes, on the connection beside; else on the one whose pages are at hand. */
  #readingTurn(): SqliteTurn {
    if (!this.#reader) return this.#writingTurn();
    const isFree = this.takesTurns && this.#writing.isFree;
    return isFree ? this.#turnToRead(this.#writers.local, this.#writing) : this.#turnToRead(this.#reader, this.#reading);
  }

  #turnToRead(reader: LocalConnection, turns: Turns): SqliteTurn {
    let end = (): void => undefined;
    const run = async (steps: readonly Step[], isLast: boolean): Promise<StepAnswer[]> => {
      const answers = reader.run(isLast ? [...steps, commit] : steps);
      if (isLast) end();
      return answers;
    };
    return {
      begin: async (steps, isLast) => {
        end = await turns.next();
        try {
          const all: Step[] = [{ do: "run", text: "BEGIN" }, ...steps];
          return (await this.#patiently(() => run(all, isLast))).slice(1);
        } catch (error) {
          end();
          throw error;
        }
      },
      run,
      undo: async () => {
        await reader.run([{ do: "rollback" }]);
        end();
      },
    };
  }

  async #look(reader: LocalConnection, statement: Statement, rows: readonly Row[]): Promise<Row[]> {
    const [found] = await this.#patiently(() => reader.run([{ do: "read", text: statement.render(sqliteDialect), rows }]));
    return found as Row[];
  }

  /** Runs `step` again while another process holds the lock; no timer runs while none does. */
  async #patiently<T>(step: () => Promise<T>): Promise<T> {
    const { environment, lockTimeoutMs = 30_000, path } = this.#options;
    for (let waited = 0, pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await step();
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

function closedError(): WorkflowEngineError {
  return new WorkflowEngineError("STORE_CLOSED", "The store is closed. Create a new one.");
}
