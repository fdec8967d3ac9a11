// Rows by key with indexes, journaled. Rows are never changed in place: `set` puts a new one, so what a reader or the journal
// holds stays what it was. The order of rows is not kept over a rollback: whoever needs an order sorts.
import type { Before, Journal, Layer, Restorable } from "./journal.ts";

/** Group of a row in an index; null leaves the row out. */
type GroupOf<V> = (row: V) => string | null;

/** The rows of one kind. `I` names the indexes. */
export class Table<V extends object, I extends string = never> implements Restorable {
  readonly #journal: Journal;
  readonly #rows = new Map<string, V>();
  readonly #groupOf: Record<I, GroupOf<V>>;
  readonly #groups: Record<I, Map<string, Map<string, V>>>;

  constructor(journal: Journal, indexes: Record<I, GroupOf<V>>) {
    this.#journal = journal;
    this.#groupOf = indexes;
    this.#groups = Object.fromEntries(Object.keys(indexes).map((name) => [name, new Map()])) as unknown as Record<
      I,
      Map<string, Map<string, V>>
    >;
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): V | undefined {
    return this.#rows.get(key);
  }

  values(): V[] {
    return [...this.#rows.values()];
  }

  /** The rows of one group of an index. */
  by(index: I, group: string): V[] {
    return [...(this.#groups[index].get(group)?.values() ?? [])];
  }

  /** The groups an index has rows in. */
  groupsOf(index: I): string[] {
    return [...this.#groups[index].keys()];
  }

  set(key: string, row: V): void {
    this.#journal.note(this, key, this.#rows.get(key));
    this.restore(key, row);
  }

  delete(key: string): void {
    if (!this.#rows.has(key)) return;
    this.#journal.note(this, key, this.#rows.get(key));
    this.restore(key, undefined);
  }

  clear(): void {
    for (const key of [...this.#rows.keys()]) this.delete(key);
  }

  /** Puts a row as it was, past the journal; undefined removes it. */
  restore(key: string, row: V | undefined): void {
    const old = this.#rows.get(key);
    for (const name of Object.keys(this.#groupOf) as I[]) {
      const from = old && this.#groupOf[name](old);
      const to = row && this.#groupOf[name](row);
      if (from != null && from !== to) this.#leave(name, from, key);
      if (row && to != null) this.#enter(name, to, key, row);
    }
    if (row) this.#rows.set(key, row);
    else this.#rows.delete(key);
  }

  /** What a transaction changed here: each row as it was and as it is. */
  changesOf(layer: Layer): Array<{ before: V | undefined; after: V | undefined }> {
    return [...(layer.of(this) as Before)].map(([key, before]) => ({ before: before as V | undefined, after: this.#rows.get(key) }));
  }

  #enter(name: I, group: string, key: string, row: V): void {
    const groups = this.#groups[name];
    const rows = groups.get(group);
    if (rows) rows.set(key, row);
    else groups.set(group, new Map([[key, row]]));
  }

  #leave(name: I, group: string, key: string): void {
    const rows = this.#groups[name].get(group);
    rows?.delete(key);
    if (rows?.size === 0) this.#groups[name].delete(group);
  }
}

/** The first `max` rows in the order of `compare`, without sorting the rest. */
export function firstOf<V>(rows: Iterable<V>, max: number, compare: (a: V, b: V) => number): V[] {
  const first: V[] = [];
  for (const row of rows) {
    if (first.length >= max && (max <= 0 || compare(row, first.at(-1)!) >= 0)) continue;
    let low = 0;
    for (let high = first.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (compare(first[middle]!, row) <= 0) low = middle + 1;
      else high = middle;
    }
    first.splice(low, 0, row);
    if (first.length > max) first.pop();
  }
  return first;
}

/** Orders text by code units, as every store of ours does. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
