// One transaction on PostgreSQL. Statements whose answer nobody waits for travel with the next one that somebody does, and so do all
// that are asked at the same time: a batch costs as many round trips as it asks questions, whatever it writes.
import type { StoreSignal } from "../../ports/store.ts";
import type { Row, Session, Statement } from "../db.ts";
import { type Dialect, postgresDialect } from "../dialect.ts";
import { type PgClient, type PgQuery, type PgResult, sqlStateOf } from "./postgres-client.ts";
import type { StatementTexts } from "./postgres-names.ts";
import { StatementTrain, type TrainClient } from "./postgres-train.ts";
import { arraysOf, inParts, readers, scalarsOf } from "./postgres-values.ts";

/** A migration may take long, but not for ever: half of a broken connection never says so. Milliseconds. */
const SCRIPT_TIMEOUT_MS = 600_000;

/** What a transaction is made with. */
export interface SessionParts {
  readonly texts: StatementTexts;
  /** Begin the transaction; none in one that somebody else has begun. */
  readonly begin: readonly string[];
  /** True when what travels together may do without BEGIN and COMMIT. */
  readonly mayBeBare: boolean;
  /** False behind a pooler that loses prepared statements. */
  readonly isPrepared: boolean;
  /** Milliseconds without an answer after which the connection counts as broken. */
  readonly answerTimeoutMs: number;
  /** True in a transaction of a caller's. */
  readonly isJoined?: boolean;
  /** The clock instead of the database's own. */
  readonly now?: (() => number) | undefined;
  /** The statement that tells other processes; null when nobody needs to be told. */
  notify(signal: StoreSignal): PgQuery | null;
}

const readClock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/** Runs statements in one transaction of one connection. */
export class PostgresSession implements Session {
  readonly dialect: Dialect = postgresDialect;
  readonly isJoined: boolean;
  readonly #client: PgClient;
  readonly #parts: SessionParts;
  readonly #ridesTrains: boolean;
  #waiting: PgQuery[] = [];
  #hasBegun: boolean;
  #isBare = false;
  #attempts = 0;
  /** What is asked meanwhile travels together, once the answers before it are there. */
  #leaving: Promise<PgResult[]> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  /** What PostgreSQL refused statements with, also where whoever asked has made another error of it. */
  readonly refusals = new Set<string | null>();
  /** True once COMMIT is on its way: whether it arrived is not known when the connection breaks. */
  isCommitSent = false;

  constructor(client: PgClient, parts: SessionParts) {
    this.#client = client;
    this.#parts = parts;
    this.isJoined = parts.isJoined ?? false;
    this.#hasBegun = parts.begin.length === 0;
    this.#ridesTrains = client.connection !== undefined && client.pipeline !== true;
  }

  async read(statement: Statement, params: readonly Row[]): Promise<Row[]> {
    if (params.length === 0) return [];
    const results = await this.#run(this.#queriesOf(statement, params));
    return results.length === 1 ? (results[0]!.rows as Row[]) : results.flatMap(({ rows }) => rows as Row[]);
  }

  async readLast(statement: Statement, params: readonly Row[]): Promise<Row[]> {
    this.#isBare = !this.#hasBegun && this.#parts.mayBeBare && this.#ridesTrains;
    this.isCommitSent = this.#isBare;
    return this.read(statement, params);
  }

  async write(statement: Statement, params: readonly Row[]): Promise<number> {
    if (params.length === 0) return 0;
    const results = await this.#run(this.#queriesOf(statement, params));
    return results.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0);
  }

  async send(statement: Statement, params: readonly Row[]): Promise<void> {
    if (params.length > 0) this.#waiting.push(...this.#queriesOf(statement, params));
  }

  announce(signal: StoreSignal): void {
    const query = this.#parts.notify(signal);
    if (!query) return;
    if (this.#parts.isPrepared) query.name = "notify";
    this.#waiting.push(query);
  }

  async readClock(): Promise<number> {
    if (this.#parts.now) return this.#parts.now();
    const [result] = await this.#run([{ text: readClock, rowMode: "array", types: readers }]);
    return (result!.rows[0] as [number])[0];
  }

  async execute(script: string): Promise<void> {
    await this.#run([]);
    // many statements in one text go by the simple protocol only
    await this.#client.query({ text: this.#parts.texts.qualify(script), query_timeout: SCRIPT_TIMEOUT_MS });
  }

  async attempt<T>(work: () => Promise<T>): Promise<T> {
    const name = `attempt_${++this.#attempts}`;
    const before = this.#waiting;
    const savepoint = { text: `SAVEPOINT ${name}` };
    this.#waiting = [...before, savepoint];
    try {
      const result = await work();
      await this.#run([{ text: `RELEASE SAVEPOINT ${name}` }]);
      return result;
    } catch (error) {
      const isUnsent = this.#waiting.includes(savepoint);
      this.#waiting = isUnsent ? before : [];
      const undoing = [`ROLLBACK TO SAVEPOINT ${name}`, `RELEASE SAVEPOINT ${name}`].map((text): PgQuery => ({ text }));
      // where there is no transaction any more it is gone with everything in it, for the same reason
      if (!isUnsent) await this.#run(undoing).catch(() => undefined);
      throw error;
    }
  }

  /** Makes it so; rejects when any statement of it failed. */
  async commit(): Promise<void> {
    const isOwn = this.#parts.begin.length > 0;
    if (this.#waiting.length === 0 && !(isOwn && this.#hasBegun)) return;
    this.isCommitSent = isOwn;
    this.#isBare = !this.#hasBegun && this.#parts.mayBeBare && (this.#ridesTrains || this.#waiting.length === 1);
    if (!isOwn || this.#isBare) return void (await this.#run([]));
    const [result] = await this.#run([this.#plain("COMMIT")]);
    if (result!.command !== "ROLLBACK") return;
    this.isCommitSent = false;
    throw new Error("The transaction was rolled back: a statement of it had failed.");
  }

  /** Undoes it all, when there is anything to undo. */
  async rollback(): Promise<void> {
    this.#waiting = [];
    if (this.#hasBegun && this.#parts.begin.length > 0) await this.#run([this.#plain("ROLLBACK")]);
  }

  #plain(text: string): PgQuery {
    const query: PgQuery = { text };
    // BEGIN and the like are parsed once a connection too
    if (this.#parts.isPrepared && this.#ridesTrains) query.name = text.slice(0, 63);
    return query;
  }

  #queriesOf(statement: Statement, params: readonly Row[]): PgQuery[] {
    const isMany = statement.kind === "rows" && params.length > 1;
    const { name, text } = isMany || statement.kind === "one" ? this.#parts.texts.of(statement) : this.#parts.texts.ofOne(statement);
    const queryOf = (parameters: Pick<PgQuery, "values" | "many">): PgQuery => {
      const query: PgQuery = { text, rowMode: "array", types: readers, ...parameters };
      if (this.#parts.isPrepared) query.name = name;
      return query;
    };
    if (!isMany) return params.map((row) => queryOf({ values: scalarsOf(statement, row) }));
    return inParts(params).map((rows) => {
      const many = { columns: statement.columns, rows };
      return queryOf(this.#ridesTrains ? { many } : { values: arraysOf(many) });
    });
  }

  /** Sends what waits and then these; answers the results of these. */
  async #run(queries: readonly PgQuery[]): Promise<PgResult[]> {
    const start = this.#waiting.length;
    this.#waiting.push(...queries);
    const results = await (this.#leaving ??= this.#leave());
    return results.slice(start, start + queries.length);
  }

  async #leave(): Promise<PgResult[]> {
    // one turn is enough for everybody who asks at the same time
    await this.#last;
    this.#leaving = null;
    const all = this.#waiting;
    this.#waiting = [];
    const begin = this.#hasBegun || this.#isBare ? [] : this.#parts.begin.map((text) => this.#plain(text));
    this.#hasBegun ||= begin.length > 0;
    this.#isBare = false;
    all.unshift(...begin);
    const sent = this.#send(all);
    this.#last = sent.catch((error: unknown) => void this.refusals.add(sqlStateOf(error)));
    return (await sent).slice(begin.length);
  }

  async #send(queries: readonly PgQuery[]): Promise<PgResult[]> {
    if (queries.length === 0) return [];
    if (this.#ridesTrains) {
      const train = new StatementTrain(queries, this.#parts.answerTimeoutMs);
      (this.#client as unknown as TrainClient).query(train);
      return train.done;
    }
    for (const query of queries) query.query_timeout = this.#parts.answerTimeoutMs;
    if (this.#client.pipeline) return sendAll(this.#client, queries);
    const results: PgResult[] = [];
    for (const query of queries) results.push(await this.#client.query(query));
    return results;
  }
}

/** Sends without waiting in between; the first error is why the others failed. */
async function sendAll(client: PgClient, queries: readonly PgQuery[]): Promise<PgResult[]> {
  const ends = await Promise.allSettled(queries.map((query) => client.query(query)));
  const failed = ends.find((end) => end.status === "rejected");
  if (failed) throw failed.reason;
  return ends.map((end) => (end as PromiseFulfilledResult<PgResult>).value);
}
