// Statements that travel together: one write, one answer, one Sync at the end. PostgreSQL runs what stands before a Sync as one
// transaction, so a batch that asks nothing in between needs neither BEGIN nor COMMIT. It is a query class of one's own to `pg`, as its
// cursors are; the messages are those of the extended protocol (https://www.postgresql.org/docs/18/protocol-flow.html).

import { BindWriter } from "./postgres-bind.ts";
import type { PgConnection, PgQuery, PgResult } from "./postgres-client.ts";
import { readers } from "./postgres-values.ts";

/** A client that takes query classes of others. */
export interface TrainClient {
  query(train: StatementTrain): unknown;
}

type Readers = ReadonlyArray<(text: string) => unknown>;
const noReaders: Readers = [];

/** What a connection knows of a statement: how its columns are read, or that it may or may not be prepared. */
type Known = Readers | "unsure";

/** What is kept of a connection. */
interface Wire {
  /** Statements by name. */
  readonly known: Map<string, Known>;
  /** Writes the next train: that of the one before has been read when its answers are there. */
  readonly writer: BindWriter;
}

const wires = new WeakMap<PgConnection, Wire>();

/** Some statements on their way through one connection. */
export class StatementTrain {
  readonly query_timeout: number;
  /** Answers, or why there are none; `pg` puts its own before it to stop its timer. */
  callback: (error: unknown, results: PgResult[]) => void = () => undefined;
  /** Ends with the answers. */
  readonly done: Promise<PgResult[]>;
  readonly queries: readonly PgQuery[];
  readonly #results: PgResult[] = [];
  /** Readers of each statement's columns; absent until they are told. */
  readonly #readers: Array<Readers | undefined> = [];
  readonly #parsed: string[] = [];
  #known = new Map<string, Known>();
  #rows: unknown[] = [];

  constructor(queries: readonly PgQuery[], timeoutMs: number) {
    this.queries = queries;
    this.query_timeout = timeoutMs;
    this.done = new Promise((resolve, reject) => {
      this.callback = (error, results) => (error ? reject(error) : resolve(results));
    });
  }

  submit(connection: PgConnection): null {
    let wire = wires.get(connection);
    if (!wire) wires.set(connection, (wire = { known: new Map(), writer: new BindWriter() }));
    this.#known = wire.known;
    wire.writer.rewind();
    // one write for all of them
    connection.stream.cork?.();
    try {
      for (const query of this.queries) this.#send(connection, query, wire);
      connection.sync();
    } finally {
      connection.stream.uncork?.();
    }
    return null;
  }

  handleRowDescription({ fields }: { fields: ReadonlyArray<{ dataTypeID: number }> }): void {
    this.#readers[this.#results.length] = fields.map(({ dataTypeID }) => readers.getTypeParser(dataTypeID));
  }

  handleDataRow({ fields }: { fields: ReadonlyArray<string | null> }): void {
    const read = this.#readers[this.#results.length]!;
    this.#rows.push(fields.map((text, i) => (text === null ? null : read[i]!(text))));
  }

  handleCommandComplete({ text }: { text: string }): void {
    const words = text.split(" ");
    const count = Number(words.at(-1));
    this.#results.push({ rows: this.#rows, command: words[0]!, rowCount: Number.isNaN(count) ? null : count });
    this.#rows = [];
  }

  handleReadyForQuery(): void {
    this.#learn();
    this.callback(null, this.#results);
  }

  handleError(error: unknown): void {
    this.#learn();
    this.callback(error, []);
  }

  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}

  #send(connection: PgConnection, { text, name = "", values = [], many }: PgQuery, { known, writer }: Wire): void {
    const columns = name === "" ? undefined : known.get(name);
    const isPrepared = columns !== undefined && columns !== "unsure";
    if (columns === "unsure") connection.close({ type: "S", name });
    if (!isPrepared) connection.parse({ text, name });
    if (many) connection.stream.write(writer.write(name, many));
    else connection.bind({ portal: "", statement: name, values });
    // how its columns are read is known since the first time
    if (!isPrepared) connection.describe({ type: "P", name: "" });
    connection.execute({ portal: "", rows: 0 });
    this.#parsed.push(isPrepared ? "" : name);
    this.#readers.push(isPrepared ? columns : noReaders);
    if (!isPrepared && name !== "") known.set(name, "unsure");
  }

  /** Remembers what is prepared now; of one that failed, and of those behind it, nobody knows. */
  #learn(): void {
    const done = this.#results.length;
    this.#parsed.forEach((name, i) => {
      if (name !== "" && i < done) this.#known.set(name, this.#readers[i]!);
    });
  }
}
