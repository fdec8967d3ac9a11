// A database as seen from inside one transaction of the caller's: every transaction of the store is a part of that one. What is built on
// it has a coalescer of its own, so that nobody else's units get in there.
import type { TransactionClient } from "../ports/transaction.ts";
import type { Db, Session } from "./db.ts";

/** A caller's transaction as a database. */
export class JoinedDb implements Db {
  readonly lanes = 0;
  readonly isShared = false;
  readonly isJoined = true;
  readonly #db: Db;
  readonly #client: TransactionClient;

  constructor(db: Db, client: TransactionClient) {
    this.#db = db;
    this.#client = client;
  }

  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#db.within(this.#client, work);
  }

  reading<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#db.within(this.#client, work);
  }

  within<T>(client: TransactionClient, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#db.within(client, work);
  }

  async foreignVersion(): Promise<null> {
    return null;
  }

  /** Nothing to close: the transaction is the caller's. */
  async close(): Promise<void> {}
}
