// Runs the items of one batch in one transaction, in the order of their arrival: units together, everything else at its place.
import { errorCodeOf, WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import type { StoreSignal, Unit } from "../ports/store.ts";
import { Failure } from "../store/coalescer.ts";
import { Batch } from "./batch.ts";
import { Conflict, type Db, type Session } from "./db.ts";
import { Remembered } from "./remembered.ts";
import { SignalDraft } from "./signal-draft.ts";

/** A unit of the door, or anything else that has to take its turn. */
export type Item = { unit: Unit<unknown> } | Task;

interface Task {
  /** The store's method, for messages. */
  readonly name: string;
  readonly isRead: boolean;
  /** What it asks the database first, which may travel with what others ask. */
  ask?(batch: Batch): Promise<unknown>;
  run(batch: Batch, isCareful: boolean, asked?: Promise<unknown>): Promise<unknown>;
}

/** What a batch came to: a result or a Failure an item, and what listeners are told. */
export interface BatchOutcome {
  results: unknown[];
  signal: StoreSignal | null;
}

/** Tries of a batch that others come in between of. */
const MOST_TRIES = 5;

/** Runs the batches of one store. */
export class BatchRunner {
  readonly #db: Db;
  readonly #environment: Environment;
  readonly #remembered: Remembered;

  constructor(db: Db, environment: Environment) {
    this.#db = db;
    this.#environment = environment;
    // in a caller's transaction what fails would cost more than a look
    this.#remembered = new Remembered(db.lanes > 0 && !db.isJoined);
  }

  /** Runs a batch; of one that the database refuses only what it refuses fails. */
  async run(items: readonly Item[]): Promise<BatchOutcome> {
    if (items.every((item) => "isRead" in item && item.isRead)) return this.#db.reading((session) => this.#runApart(session, items));
    for (let tries = 1; ; tries++) {
      try {
        // what is remembered was wrong once, so the next try reads
        return await this.#commit(items, tries === 1 ? this.#remembered : new Remembered());
      } catch (error) {
        if (error instanceof Conflict) this.#remembered.doubt();
        // no lock or no database: the same would meet every item
        if (errorCodeOf(error) === "STORE_CLOSED" || errorCodeOf(error) === "STORE_REFUSED") throw error;
        if (!(error instanceof Conflict) || tries === MOST_TRIES) return this.#isolate(items, error);
      }
    }
  }

  async #commit(items: readonly Item[], remembered: Remembered): Promise<BatchOutcome> {
    const batches: Batch[] = [];
    const outcome = await this.#db.transaction((session) => this.#runTogether(session, items, batches, remembered));
    for (const batch of batches) this.#remembered.keep(batch.drafts);
    return outcome;
  }

  /** Finds what the database refuses: by undoing each item alone, or, where others wait for the locks of a transaction, by halves. */
  async #isolate(items: readonly Item[], error: unknown): Promise<BatchOutcome> {
    if (this.#db.lanes === 0) return this.#db.transaction((session) => this.#runApart(session, items));
    if (items.length > 1) {
      const middle = items.length >> 1;
      const halves = [await this.run(items.slice(0, middle)), await this.run(items.slice(middle))];
      return { results: halves.flatMap(({ results }) => results), signal: mergeSignals(halves) };
    }
    if (error instanceof Conflict) return { results: [new Failure(refusal(items[0]!, error.cause))], signal: null };
    try {
      return await this.#db.transaction((session) => this.#runApart(session, items));
    } catch (last) {
      return { results: [new Failure(refusal(items[0]!, last))], signal: null };
    }
  }

  async #runTogether(session: Session, items: readonly Item[], batches: Batch[], remembered: Remembered): Promise<BatchOutcome> {
    const now = this.#environment.now();
    const signal = new SignalDraft(now);
    const batch = new Batch(session, this.#environment, now, signal, remembered);
    const results: unknown[] = [];
    let units: Unit<unknown>[] = [];
    const decideUnits = async (): Promise<void> => {
      if (units.length > 0) for (const result of await batch.decideUnits(units)) results.push(result);
      units = [];
    };
    // who was wrong once asks where nobody comes in between
    const asked = remembered === this.#remembered ? askTogether(batch, items) : [];
    for (const [i, item] of items.entries()) {
      if ("unit" in item) {
        units.push(item.unit);
        continue;
      }
      await decideUnits();
      // it reads and writes rows, not drafts
      await batch.flush();
      results.push(await item.run(batch, false, asked[i]));
      await batch.flush();
    }
    await decideUnits();
    await batch.flush();
    batches.push(batch);
    return { results, signal: announced(session, signal) };
  }

  async #runApart(session: Session, items: readonly Item[]): Promise<BatchOutcome> {
    const now = this.#environment.now();
    const signal = new SignalDraft(now);
    const results: unknown[] = [];
    for (const item of items) {
      const own = new SignalDraft(now);
      try {
        results.push(
          await session.attempt(async () => {
            const batch = new Batch(session, this.#environment, now, own, new Remembered());
            const result = "unit" in item ? (await batch.decideUnits([item.unit]))[0] : await item.run(batch, true);
            await batch.flush();
            return result;
          }),
        );
        signal.merge(own);
      } catch (error) {
        results.push(new Failure(refusal(item, error)));
      }
    }
    return { results, signal: announced(session, signal) };
  }
}

/** The first questions of a claim and a take, on their way together; none where anything else might change the answers. */
function askTogether(batch: Batch, items: readonly Item[]): Array<Promise<unknown> | undefined> {
  const names = new Set(items.map((item) => ("ask" in item ? item.name : "")));
  const isAsking = (items.length > 1 || batch.session.look) && names.size === items.length && !names.has("");
  const asked = items.map((item) => (isAsking && "ask" in item ? item.ask?.(batch) : undefined));
  // whoever waits for it is told; who has failed before waits no more
  for (const question of asked) question?.catch(() => undefined);
  return asked;
}

function announced(session: Session, draft: SignalDraft): StoreSignal | null {
  const signal = draft.toSignal();
  if (signal) session.announce(signal);
  return signal;
}

function mergeSignals(outcomes: readonly BatchOutcome[]): StoreSignal | null {
  const signals = outcomes.flatMap(({ signal }) => signal ?? []);
  if (signals.length === 0) return null;
  const waits = signals.flatMap(({ wakeAt }) => wakeAt ?? []);
  return {
    hasWork: signals.some((signal) => signal.hasWork),
    hasEvents: signals.some((signal) => signal.hasEvents),
    mayHaveLost: signals.some((signal) => signal.mayHaveLost),
    wakeAt: waits.length > 0 ? Math.min(...waits) : null,
    ended: signals.flatMap(({ ended }) => ended ?? []),
  };
}

function refusal(item: Item, error: unknown): unknown {
  if (error instanceof WorkflowEngineError) return error;
  const what = "unit" in item ? `a change of workflow run ${item.unit.runId}` : item.name;
  const reason = error instanceof Error ? error.message : String(error);
  return new WorkflowEngineError("STORE_REFUSED", `The database refused ${what}: ${reason}. Nothing of it was written.`, { cause: error });
}
