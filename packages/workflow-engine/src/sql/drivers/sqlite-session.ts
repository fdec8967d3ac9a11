// What runs inside one transaction on SQLite. What nobody waits for an answer of is gathered, and travels with what comes next; what is
// asked at the same time travels together. So a transaction that only writes is one message to its connection.
import { Conflict, type Row, type Session, type Statement } from "../db.ts";
import { type Dialect, sqliteDialect } from "../dialect.ts";
import { Disturbed, type Step, type StepAnswer } from "./sqlite-connection.ts";

/** How steps of one transaction get to the connection. */
export interface SqliteTurn {
  /** Begins, runs steps and, when they are the `last`, commits. */
  begin(steps: readonly Step[], isLast: boolean): Promise<StepAnswer[]>;
  /** Goes on. */
  run(steps: readonly Step[], isLast: boolean): Promise<StepAnswer[]>;
  /** Undoes what was done since it began. */
  undo(): Promise<void>;
  /** As `Session.look`. */
  look?(statement: Statement, params: readonly Row[]): Promise<Row[]>;
}

/** One transaction. */
export class SqliteSession implements Session {
  readonly dialect: Dialect = sqliteDialect;
  readonly look?: (statement: Statement, params: readonly Row[]) => Promise<Row[]>;
  readonly #turn: SqliteTurn;
  #gathered: Step[] = [];
  #hasBegun = false;
  #isLast = false;
  #leaving: Promise<StepAnswer[]> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(turn: SqliteTurn) {
    this.#turn = turn;
    const { look } = turn;
    if (look) this.look = (statement, params) => look(statement, params);
  }

  async read(statement: Statement, rows: readonly Row[]): Promise<Row[]> {
    return (await this.#ask({ do: "read", text: statement.render(this.dialect), rows })) as Row[];
  }

  async readLast(statement: Statement, rows: readonly Row[]): Promise<Row[]> {
    this.#isLast = !this.#hasBegun && this.#gathered.length === 0;
    return this.read(statement, rows);
  }

  async write(statement: Statement, rows: readonly Row[]): Promise<number> {
    if (rows.length === 0) return 0;
    return (await this.#ask({ do: "write", text: statement.render(this.dialect), rows })) as number;
  }

  async send(statement: Statement, rows: readonly Row[]): Promise<void> {
    if (rows.length > 0) this.#gathered.push({ do: statement.isCheck ? "check" : "send", text: statement.render(this.dialect), rows });
  }

  /** Other processes see it by the number that `foreignVersion` answers. */
  announce(): void {}

  async execute(text: string): Promise<void> {
    await this.#ask({ do: "script", text });
  }

  async attempt<T>(work: () => Promise<T>): Promise<T> {
    await this.#ask({ do: "run", text: "SAVEPOINT attempt" });
    try {
      const result = await work();
      await this.#ask({ do: "run", text: "RELEASE attempt" });
      return result;
    } catch (error) {
      this.#gathered = [];
      await this.#ask({ do: "script", text: "ROLLBACK TO attempt; RELEASE attempt" });
      throw error;
    }
  }

  /** Makes it so, where there is anything. */
  async commit(): Promise<void> {
    if (!this.#hasBegun && this.#gathered.length === 0) return;
    this.#isLast = true;
    await this.#leave();
  }

  /** Undoes what was done; what was only gathered never is. */
  async rollback(): Promise<void> {
    this.#gathered = [];
    await this.#last;
    if (this.#hasBegun) await this.#turn.undo();
  }

  async #ask(step: Step): Promise<StepAnswer> {
    const at = this.#gathered.push(step) - 1;
    this.#leaving ??= this.#last.then(() => this.#leave());
    return (await this.#leaving)[at]!;
  }

  #leave(): Promise<StepAnswer[]> {
    this.#leaving = null;
    const isLast = this.#isLast;
    this.#isLast = false;
    const answers = this.#sent(isLast);
    this.#last = answers.catch(() => undefined);
    return answers.then(
      (found) => {
        this.#hasBegun = !isLast;
        return found;
      },
      (error: unknown) => {
        // a list that ends a transaction has undone it when it fails, and so has one that begins it
        if (isLast) this.#hasBegun = false;
        throw error instanceof Disturbed ? new Conflict(error) : error;
      },
    );
  }

  /** Sends what was gathered; what cannot be sent has not ended anything. */
  #sent(isLast: boolean): Promise<StepAnswer[]> {
    const steps = this.#gathered;
    this.#gathered = [];
    return this.#hasBegun ? this.#turn.run(steps, isLast) : this.#turn.begin(steps, isLast);
  }
}
