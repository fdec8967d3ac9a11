// Runs the items of one batch in one transaction, in the order of their arrival: units together, everything else at its place.
import { errorCodeOf, WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import type { StoreSignal, Unit } from "../ports/store.ts";
import { Failure } from "../store/coalescer.ts";
import { Batch } from "./batch.ts";
import type { Db, Session } from "./db.ts";
import { Remembered } from "./remembered.ts";
import { SignalDraft } from "./signal-draft.ts";

/** A unit of the door, or anything else that has to take its turn. */
export type Item = { unit: Unit<unknown> } | Task;

interface Task {
  /** The store's method, for messages. */
  readonly name: string;
  readonly isRead: boolean;
  run(batch: Batch, isCareful: boolean): Promise<unknown>;
}

/** What a batch came to: a result or a Failure an item, and what listeners are told. */
export interface BatchOutcome {
  results: unknown[];
  signal: StoreSignal | null;
}

/** Runs the batches of one store. */
export class BatchRunner {
  readonly #db: Db;
  readonly #environment: Environment;
  readonly #remembered = new Remembered();

  constructor(db: Db, environment: Environment) {
    this.#db = db;
    this.#environment = environment;
  }

  /** Runs a batch; one that the database refuses is run again with every item undone alone. */
  async run(items: readonly Item[]): Promise<BatchOutcome> {
    if (items.every((item) => "isRead" in item && item.isRead)) return this.#db.reading((session) => this.#runApart(session, items));
    const batches: Batch[] = [];
    try {
      const outcome = await this.#db.transaction((session) => this.#runTogether(session, items, batches), this);
      for (const batch of batches) this.#remembered.keep(batch.drafts);
      return outcome;
    } catch (error) {
      this.#remembered.forget();
      // no lock or no database: the same would meet every item
      if (errorCodeOf(error) === "STORE_CLOSED" || errorCodeOf(error) === "STORE_REFUSED") throw error;
      return this.#db.transaction((session) => this.#runApart(session, items), this);
    }
  }

  async #runTogether(session: Session, items: readonly Item[], batches: Batch[]): Promise<BatchOutcome> {
    if (!session.isUndisturbed) this.#remembered.forget();
    const now = this.#environment.now();
    const signal = new SignalDraft(now);
    const batch = new Batch(session, this.#environment, now, signal, this.#remembered);
    const results: unknown[] = [];
    let units: Unit<unknown>[] = [];
    const decideUnits = async (): Promise<void> => {
      if (units.length > 0) for (const result of await batch.decideUnits(units)) results.push(result);
      units = [];
    };
    for (const item of items) {
      if ("unit" in item) {
        units.push(item.unit);
        continue;
      }
      await decideUnits();
      // it reads and writes rows, not drafts
      await batch.flush();
      results.push(await item.run(batch, false));
      await batch.flush();
    }
    await decideUnits();
    await batch.flush();
    batches.push(batch);
    return { results, signal: signal.toSignal() };
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
    return { results, signal: signal.toSignal() };
  }
}

function refusal(item: Item, error: unknown): unknown {
  if (error instanceof WorkflowEngineError) return error;
  const what = "unit" in item ? `a change of workflow run ${item.unit.runId}` : item.name;
  const reason = error instanceof Error ? error.message : String(error);
  return new WorkflowEngineError("STORE_REFUSED", `The database refused ${what}: ${reason}. Nothing of it was written.`, { cause: error });
}
