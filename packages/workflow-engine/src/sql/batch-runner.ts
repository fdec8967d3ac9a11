// Runs the items of one batch in one transaction, in the order of their arrival: units together, everything else at its place.
import { errorCodeOf, WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import type { StoreSignal, Unit } from "../ports/store.ts";
import { Failure } from "../store/coalescer.ts";
import { Batch } from "./batch.ts";
import type { Db, Session } from "./db.ts";
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

/** Runs a batch; one that the database refuses is run again with every item undone alone. */
export async function runItems(db: Db, environment: Environment, items: readonly Item[]): Promise<BatchOutcome> {
  const isRead = items.every((item) => "isRead" in item && item.isRead);
  const begin = <T>(work: (session: Session) => Promise<T>): Promise<T> => (isRead ? db.reading(work) : db.transaction(work));
  try {
    return await begin((session) => runTogether(session, environment, items));
  } catch (error) {
    // no lock or no database: the same would meet every item
    if (errorCodeOf(error) === "STORE_CLOSED" || errorCodeOf(error) === "STORE_REFUSED") throw error;
    return begin((session) => runApart(session, environment, items));
  }
}

async function runTogether(session: Session, environment: Environment, items: readonly Item[]): Promise<BatchOutcome> {
  const now = environment.now();
  const signal = new SignalDraft(now);
  const batch = new Batch(session, environment, now, signal);
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
    // it reads and writes rows past the drafts
    await batch.release();
    results.push(await item.run(batch, false));
    await batch.release();
  }
  await decideUnits();
  await batch.flush();
  return { results, signal: signal.toSignal() };
}

async function runApart(session: Session, environment: Environment, items: readonly Item[]): Promise<BatchOutcome> {
  const now = environment.now();
  const signal = new SignalDraft(now);
  const results: unknown[] = [];
  for (const item of items) {
    const own = new SignalDraft(now);
    try {
      results.push(
        await session.attempt(async () => {
          const batch = new Batch(session, environment, now, own);
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

function refusal(item: Item, error: unknown): unknown {
  if (error instanceof WorkflowEngineError) return error;
  const what = "unit" in item ? `a change of workflow run ${item.unit.runId}` : item.name;
  const reason = error instanceof Error ? error.message : String(error);
  return new WorkflowEngineError("STORE_REFUSED", `The database refused ${what}: ${reason}. Nothing of it was written.`, { cause: error });
}
