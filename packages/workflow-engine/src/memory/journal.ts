// What makes a transaction of the memory store roll back (P20): before a row changes, the journal keeps what it was.
// Layers nest: an inner one that ends well becomes part of the outer one, an inner one that throws undoes only itself.

/** A table that the journal can put back. */
export interface Restorable {
  restore(key: string, previous: unknown): void;
}

/** What the rows of one table were before a transaction, by key; undefined for rows that were not there. */
export type Before = ReadonlyMap<string, unknown>;

/** One transaction under way: every row it touched, as it was. */
export class Layer {
  readonly #before = new Map<Restorable, Map<string, unknown>>();

  /** Keeps what a row was, unless this layer already has it. */
  note(table: Restorable, key: string, previous: unknown): void {
    let rows = this.#before.get(table);
    if (!rows) this.#before.set(table, (rows = new Map()));
    if (!rows.has(key)) rows.set(key, previous);
  }

  /** The rows of `table` that this layer touched. */
  of(table: Restorable): Before {
    return this.#before.get(table) ?? new Map();
  }

  /** Puts every row back. */
  undo(): void {
    for (const [table, rows] of this.#before) for (const [key, previous] of rows) table.restore(key, previous);
  }

  /** Hands everything to the layer around it. */
  mergeInto(outer: Layer): void {
    for (const [table, rows] of this.#before) for (const [key, previous] of rows) outer.note(table, key, previous);
  }
}

/** The stack of transactions under way, and those who want to know of commits. */
export class Journal {
  readonly #layers: Layer[] = [];
  readonly #listeners = new Set<(committed: Layer) => void>();

  /** Called by tables before a row changes; a change outside any transaction is a bug and throws. */
  note(table: Restorable, key: string, previous: unknown): void {
    const layer = this.#layers.at(-1);
    if (!layer) throw new Error("a row was written outside a transaction");
    layer.note(table, key, previous);
  }

  begin(): void {
    this.#layers.push(new Layer());
  }

  commit(): void {
    const layer = this.#layers.pop()!;
    const outer = this.#layers.at(-1);
    if (outer) layer.mergeInto(outer);
    else for (const listener of [...this.#listeners]) listener(layer);
  }

  rollback(): void {
    this.#layers.pop()!.undo();
  }

  /** Runs `work` so that a throw leaves nothing behind. */
  atomically<T>(work: () => T): T {
    this.begin();
    let result: T;
    try {
      result = work();
    } catch (error) {
      this.rollback();
      throw error;
    }
    this.commit();
    return result;
  }

  /** Calls `listener` after each outermost commit; the answer unsubscribes. */
  onCommit(listener: (committed: Layer) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
