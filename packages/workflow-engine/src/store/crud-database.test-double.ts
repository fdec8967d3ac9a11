// Rows of a database at READ COMMITTED, for the adapter that tests write on it: a transaction sees what is committed and what it wrote
// itself, waits for the locks of others, and leaves nothing behind when it throws.

/** One row of any table. */
export type Row = Record<string, unknown>;

/** Names of the tables. */
export type TableName = "runs" | "stages" | "logs" | "artifacts" | "outbox" | "keys";

/** What one transaction wrote; null deletes. */
export interface Transaction {
  changes: Map<string, Row | null>;
  locks: Set<string>;
}

/** A transaction that has written nothing. */
export function beginTransaction(): Transaction {
  return { changes: new Map(), locks: new Set() };
}

/** The rows, shared by every connection. */
export class Database {
  readonly #rows = new Map<string, Row>();
  readonly #locks = new Map<string, Transaction>();
  #waiting: Array<() => void> = [];
  #last = 0;

  /** A number greater than every one before. */
  next(): number {
    return (this.#last += 1);
  }

  /** A copy of a row as this transaction sees it; null when there is none. */
  get(tx: Transaction | null, table: TableName, id: string): unknown {
    return structuredClone(this.#seen(tx, `${table}:${id}`));
  }

  /** Copies of the rows of a table for which `isWanted` holds. */
  all<V>(tx: Transaction | null, table: TableName, isWanted: (row: V) => boolean): V[] {
    const keys = new Set([...this.#rows.keys(), ...(tx?.changes.keys() ?? [])]);
    const rows = [...keys].filter((key) => key.startsWith(`${table}:`)).map((key) => this.#seen(tx, key) as V | null);
    return structuredClone(rows.filter((row) => row !== null && isWanted(row)) as V[]);
  }

  /** Writes a row, at once when there is no transaction; null deletes it. */
  put(tx: Transaction | null, table: TableName, id: string, row: object | null): void {
    const written = tx ?? beginTransaction();
    written.changes.set(`${table}:${id}`, structuredClone(row) as Row | null);
    if (!tx) this.end(written, true);
  }

  /** Waits until no other transaction holds the lock. */
  async lock(tx: Transaction, key: string): Promise<void> {
    while ((this.#locks.get(key) ?? tx) !== tx) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#locks.set(key, tx);
    tx.locks.add(key);
  }

  /** Commits or rolls back, and frees the locks. */
  end(tx: Transaction, isCommitted: boolean): void {
    for (const [key, row] of isCommitted ? tx.changes : []) {
      if (row) this.#rows.set(key, row);
      else this.#rows.delete(key);
    }
    for (const key of tx.locks) this.#locks.delete(key);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #seen(tx: Transaction | null, key: string): Row | null {
    const own = tx?.changes.get(key);
    return (own === undefined ? this.#rows.get(key) : own) ?? null;
  }
}
