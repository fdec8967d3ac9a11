// How the CRUD side gets at the database: a step is a transaction of its own, or a part of the one it belongs to, in which steps take
// turns; whoever is outside waits until it has ended (P20).
import { WorkflowEngineError } from "../../errors.ts";
import type { Environment } from "../../ports/environment.ts";
import type { StoreSignal } from "../../ports/store.ts";
import { again, type Db, type Session } from "../db.ts";
import { SignalDraft } from "../signal-draft.ts";

/** What a step works with: one session, one instant. */
export interface Step {
  readonly session: Session;
  readonly now: number;
  readonly newId: () => string;
  /** What the step means for those who listen. */
  readonly signal: SignalDraft;
}

/** Runs steps. */
export interface Steps {
  /** Runs a step that writes nothing. */
  read<T>(work: (step: Step) => Promise<T>): Promise<T>;
  /** Runs a step that writes; a throw undoes only itself. */
  write<T>(work: (step: Step) => Promise<T>): Promise<T>;
  /** Runs `work` atomically over its awaits; inside a transaction it joins. */
  transaction<T>(work: (inner: Steps) => Promise<T>): Promise<T>;
}

/** Steps between those of everybody else: each is a transaction. */
export class OwnSteps implements Steps {
  readonly #db: Db;
  readonly #environment: Environment;
  readonly #emit: (signal: StoreSignal) => void;

  constructor(db: Db, environment: Environment, emit: (signal: StoreSignal) => void) {
    this.#db = db;
    this.#environment = environment;
    this.#emit = emit;
  }

  read<T>(work: (step: Step) => Promise<T>): Promise<T> {
    return named(again(() => this.#db.reading((session) => work(stepOf(session, this.#environment)))));
  }

  write<T>(work: (step: Step) => Promise<T>): Promise<T> {
    return named(again(() => this.#committed((session, signal) => work(stepOf(session, this.#environment, signal)))));
  }

  transaction<T>(work: (inner: Steps) => Promise<T>): Promise<T> {
    return this.#committed(async (session, signal) => {
      const inner = new InnerSteps(session, this.#environment, signal);
      try {
        return await work(inner);
      } finally {
        await inner.end();
      }
    });
  }

  async #committed<T>(work: (session: Session, signal: SignalDraft) => Promise<T>): Promise<T> {
    let signal: SignalDraft | null = null;
    const result = await this.#db.transaction(async (session) => {
      signal = new SignalDraft(this.#environment.now());
      const done = await work(session, signal);
      const told = signal.toSignal();
      if (told) session.announce(told);
      return done;
    });
    const told = (signal as SignalDraft | null)?.toSignal();
    if (told) this.#emit(told);
    return result;
  }
}

/** Steps inside one transaction, in the order of their calls; of no use once it has ended. */
class InnerSteps implements Steps {
  readonly #session: Session;
  readonly #environment: Environment;
  readonly #signal: SignalDraft;
  #last: Promise<unknown> = Promise.resolve();
  #hasEnded = false;

  constructor(session: Session, environment: Environment, signal: SignalDraft) {
    this.#session = session;
    this.#environment = environment;
    this.#signal = signal;
  }

  read<T>(work: (step: Step) => Promise<T>): Promise<T> {
    return this.#next(() => named(work(stepOf(this.#session, this.#environment))));
  }

  write<T>(work: (step: Step) => Promise<T>): Promise<T> {
    return this.#next(async () => {
      const step = stepOf(this.#session, this.#environment);
      // a caller that catches the error of a step finds nothing of it
      const result = await named(this.#session.attempt(() => work(step)));
      this.#signal.merge(step.signal);
      return result;
    });
  }

  transaction<T>(work: (inner: Steps) => Promise<T>): Promise<T> {
    return work(this);
  }

  /** Refuses every later call and waits for the earlier ones, whether their caller does or not. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    await this.#last;
  }

  #next<T>(step: () => Promise<T>): Promise<T> {
    if (this.#hasEnded) {
      const text = "The transaction has ended. Await every call inside withTransaction.";
      return Promise.reject(new WorkflowEngineError("STORE_REFUSED", text));
    }
    // two steps that read and write by turns would lose one another's changes
    const result = this.#last.then(step);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function stepOf(session: Session, environment: Environment, signal?: SignalDraft): Step {
  const now = environment.now();
  return { session, now, newId: () => environment.newId(), signal: signal ?? new SignalDraft(now) };
}

/** Gives an error of the database a code. */
async function named<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof WorkflowEngineError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new WorkflowEngineError("STORE_REFUSED", `The database refused it: ${reason}. Nothing of it was written.`, { cause: error });
  }
}
