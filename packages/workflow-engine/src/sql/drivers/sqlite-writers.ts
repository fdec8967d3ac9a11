// Where transactions of a SQLite file are written: in this thread while there is little, for a way to another and back costs more than a
// few rows; in a thread of its own, started by then, while there is much, so that both threads have something to do.
import { LocalConnection, type SqliteConnection, type SqliteFile, type Step } from "./sqlite-connection.ts";
import { ThreadConnection } from "./sqlite-thread-connection.ts";

/** After a transaction that goes to the thread what follows goes the same way. Milliseconds. */
const SOON_MS = 100;

/** The connections of a store that write. */
export class SqliteWriters {
  readonly #now: () => number;
  /** The one in this thread, which is open first. */
  readonly local: LocalConnection;
  readonly #thread: ThreadConnection | null;
  readonly #many: number;
  #isOpening = false;
  /** Until then there is much to write. */
  #busyUntil = 0;
  /** What has changed since the last commit of others, as each connection sees it: it sees the commits of the other one, too. */
  readonly #foreign = { count: 0, local: new Watched(), thread: new Watched() };

  /** `threaded`: the thread's program, and how many rows of a transaction are much; null when there is to be none. */
  constructor(file: SqliteFile, threaded: { program: URL; from: number } | null, now: () => number) {
    this.#now = now;
    this.local = new LocalConnection(file);
    this.#thread = threaded && new ThreadConnection(threaded.program, file);
    this.#many = threaded?.from ?? Number.POSITIVE_INFINITY;
  }

  /** True while little is written: then all of it in one batch costs least. */
  get takesTurns(): boolean {
    return !this.#thread?.isOpen || this.#now() >= this.#busyUntil;
  }

  /** Where a transaction that begins with these steps is to be written; to be asked when nobody is in the middle of one. */
  choose(steps: readonly Step[]): SqliteConnection {
    const thread = this.#thread;
    if (!thread) return this.local;
    if (countRows(steps) >= this.#many) {
      this.#busyUntil = this.#now() + SOON_MS;
      if (!thread.isOpen) this.#open(thread);
    }
    // it has the lock while it has anything
    return thread.isOpen && (thread.isBusy || !this.takesTurns) ? thread : this.local;
  }

  /** A number that changes with commits of other processes, and hardly ever without. */
  async foreignVersion(): Promise<number> {
    const { local, thread } = this.#foreign;
    const asked: Step[] = [{ do: "version" }];
    local.see((await this.local.run(asked))[0]);
    const isThreaded = this.#thread?.isOpen ?? false;
    if (isThreaded) thread.see((await this.#thread!.run(this.#thread!.pack(asked)))[0]);
    // a commit of somebody else's is seen by both, though perhaps not at the same look
    if (local.isChanged && (thread.isChanged || !isThreaded)) {
      this.#foreign.count += 1;
      local.isChanged = false;
      thread.isChanged = false;
    }
    return this.#foreign.count;
  }

  async close(): Promise<void> {
    await this.#thread?.close();
    await this.local.close();
  }

  /** Starts the thread; meanwhile everything is written here, and whoever has much to write next tries again. */
  #open(thread: ThreadConnection): void {
    if (this.#isOpening) return;
    this.#isOpening = true;
    const isOver = (): void => {
      this.#isOpening = false;
    };
    thread.open().then(isOver, isOver);
  }
}

function countRows(steps: readonly Step[]): number {
  return steps.reduce((count, step) => count + ("rows" in step ? step.rows.length : 0), 0);
}

/** A number that is looked at now and then. */
class Watched {
  isChanged = false;
  #last: unknown = null;

  see(value: unknown): void {
    this.isChanged ||= this.#last !== null && value !== this.#last;
    this.#last = value;
  }
}
