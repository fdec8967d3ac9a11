// A bench on PostgreSQL: one schema a file, emptied between cases, and one pool; virtual time waits for what is under way on any
// connection, and for what others announce. A store that is opened again listens on a connection of its own, as another process.
import pg from "pg";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { realEnvironment } from "../environment.ts";
import type { Environment } from "../ports/environment.ts";
import { postgresDialect } from "../sql/dialect.ts";
import type { PgPool, PgPoolClient } from "../sql/drivers/postgres-client.ts";
import { tablesOf } from "../sql/drivers/postgres-names.ts";
import { StatementTrain } from "../sql/drivers/postgres-train.ts";
import { migrations } from "../sql/migrate.ts";
import { createPostgresStore } from "../sql/postgres.ts";
import type { BenchSource, BenchStore } from "./bench.ts";

const schema = "cases";
/** Connections of the pooler. */
const pooled = 8;
/** A call that takes longer waits for a lock whose holder waits for virtual time: far longer than an answer takes on a busy machine. Milliseconds. */
const longestWaitMs = 10_000;
/** Turns of the event loop without anything under way: what an answer sets off may be put off a few times before it asks again. */
const quietTurns = 5;

type Query = (this: pg.Client, ...args: unknown[]) => unknown;

/** What this process has under way on connections to PostgreSQL. */
class Traffic {
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #stuck = new WeakSet<Promise<unknown>>();
  readonly #listening = new Set<pg.Client>();
  #hasAnnounced = false;
  readonly #prototype = pg.Client.prototype as unknown as { query: Query; connect: Query };
  readonly #original = { query: this.#prototype.query, connect: this.#prototype.connect };

  constructor() {
    const traffic = this;
    const { query, connect } = this.#original;
    this.#prototype.query = function (...args) {
      for (const text of textsOf(args[0])) {
        if (text.startsWith("LISTEN")) traffic.#listen(this);
        if (text.includes("pg_notify")) traffic.#hasAnnounced = true;
      }
      return traffic.#watch(query.apply(this, args));
    };
    this.#prototype.connect = function (...args) {
      return traffic.#watch(connect.apply(this, args));
    };
  }

  /** Resolves once nothing is under way but what waits for virtual time. */
  async quiet(): Promise<void> {
    for (let turns = 0; turns < quietTurns; turns++) {
      await new Promise<void>((resolve) => realEnvironment.defer(resolve));
      if (await this.#settled()) turns = -1;
    }
  }

  stop(): void {
    Object.assign(this.#prototype, this.#original);
  }

  #watch(answer: unknown): unknown {
    const done = answer instanceof StatementTrain ? answer.done : answer;
    if (!(done instanceof Promise)) return answer;
    const isOver = (): void => void this.#underWay.delete(ended);
    const ended: Promise<unknown> = done.then(isOver, isOver);
    this.#underWay.add(ended);
    return answer;
  }

  #listen(client: pg.Client): void {
    this.#listening.add(client);
    client.once("end", () => this.#listening.delete(client));
  }

  /** Waits for what is under way; false when nothing is. */
  async #settled(): Promise<boolean> {
    const waiting = [...this.#underWay].filter((one) => !this.#stuck.has(one));
    if (waiting.length > 0) {
      let cancel = (): void => undefined;
      const isStuck = new Promise<boolean>((resolve) => {
        cancel = realEnvironment.setTimer(longestWaitMs, () => resolve(true));
      });
      const all = Promise.all(waiting).then(() => false);
      if (await Promise.race([all, isStuck])) for (const one of waiting) if (this.#underWay.has(one)) this.#stuck.add(one);
      cancel();
      return true;
    }
    if (!this.#hasAnnounced || this.#listening.size === 0) return false;
    this.#hasAnnounced = false;
    // what was announced comes before the answer to what is asked later
    const ask = (client: pg.Client): unknown => this.#original.query.call(client, "SELECT 1");
    await Promise.all([...this.#listening].map(ask)).catch(() => undefined);
    return true;
  }
}

function textsOf(asked: unknown): string[] {
  if (asked instanceof StatementTrain) return asked.queries.map(({ text }) => text);
  return [(asked as { text?: string } | undefined)?.text ?? ""];
}

/**
 * What a pooler in transaction mode does: every transaction gets another connection than the one before, and what a session remembers
 * is gone after each, prepared statements too.
 */
export class TransactionPooler {
  readonly #idle: pg.Client[] = [];
  readonly #waiting: Array<(client: PgPoolClient) => void> = [];
  readonly #all: pg.Client[];
  /** Connections that are being emptied. */
  readonly #returning = new Set<Promise<void>>();

  constructor(connectionString: string) {
    // of either kind that a pool may hand out: statements in trains, and one by one
    const configs = Array.from({ length: pooled }, (_, i) => ({ connectionString, pipeline: i % 2 === 1 }));
    this.#all = configs.map((config) => new pg.Client(config as pg.ClientConfig));
  }

  async open(): Promise<this> {
    await Promise.all(this.#all.map((client) => client.connect()));
    this.#idle.push(...this.#all);
    return this;
  }

  async connect(): Promise<PgPoolClient> {
    const client = this.#idle.shift();
    return client ? this.#lend(client) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  async end(): Promise<void> {
    // a connection that ends breaks off what it was asked
    await Promise.all(this.#returning);
    await Promise.all(this.#all.map((client) => client.end()));
  }

  #lend(client: pg.Client): PgPoolClient {
    const release = (): void => {
      const returned = this.#takeBack(client).finally(() => this.#returning.delete(returned));
      this.#returning.add(returned);
    };
    return Object.assign(client, { release }) as unknown as PgPoolClient;
  }

  async #takeBack(client: pg.Client): Promise<void> {
    try {
      // whoever gave it up may have left a transaction open: a pooler ends that
      await client.query("ROLLBACK");
      await client.query("DISCARD ALL");
    } catch {
      return; // it is broken: nobody gets it again
    }
    const next = this.#waiting.shift();
    if (next) next(this.#lend(client));
    else this.#idle.push(client);
  }
}

/** Opens the pool at the first case; `close` when the last is over. `isPooled`: connections come from a pooler in transaction mode. */
export function postgresSource({ isPooled = false } = {}): BenchSource & { close(): Promise<void> } {
  let opened: ReturnType<typeof openDatabase> | null = null;
  return {
    isRemote: true,
    createStore: async (fake) => {
      opened ??= openDatabase(isPooled);
      const { pool, traffic, clear, url } = await opened;
      await clear();
      // timers of a connection are those of the world's network; leases are judged by virtual time
      const environment: Environment = { ...fake, setTimer: realEnvironment.setTimer };
      const open = (): BenchStore => {
        const store = createPostgresStore({ pool, schema, environment, notify: url, now: () => environment.now() });
        return { ...store, quiet: () => traffic.quiet() };
      };
      return { store: open(), reopen: async () => open() };
    },
    close: async () => (await opened)?.close(),
  };
}

interface OpenedDatabase {
  url: string;
  pool: PgPool;
  traffic: Traffic;
  clear(): Promise<void>;
  close(): Promise<void>;
}

async function openDatabase(isPooled: boolean): Promise<OpenedDatabase> {
  const database = await createTestDatabase();
  const { url } = database;
  const direct = new pg.Pool({ connectionString: url, max: 24 });
  // dropping the database ends connections that are just ending
  direct.on("error", () => undefined);
  const pooler = isPooled ? await new TransactionPooler(url).open() : null;
  const pool = (pooler ?? direct) as unknown as PgPool;
  await createPostgresStore({ pool, schema }).migrate();
  const tables = migrations.flatMap(({ script }) => tablesOf(script(postgresDialect)));
  const script = tables.map((table) => `DELETE FROM ${schema}.${table}`).join(";");
  const traffic = new Traffic();
  return {
    url,
    pool,
    traffic,
    clear: async () => void (await direct.query(script)),
    close: async () => {
      traffic.stop();
      await pooler?.end();
      await direct.end();
      await database.drop();
    },
  };
}
