// A bench on PostgreSQL: one schema a file, emptied between cases, and one pool; virtual time waits for what is under way on any
// connection, and for what others announce. A store that is opened again listens on a connection of its own, as another process.
import pg from "pg";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { realEnvironment } from "../environment.ts";
import type { Environment } from "../ports/environment.ts";
import { postgresDialect } from "../sql/dialect.ts";
import { tablesOf } from "../sql/drivers/postgres-names.ts";
import { migrations } from "../sql/migrate.ts";
import { createPostgresStore } from "../sql/postgres.ts";
import type { BenchSource, BenchStore } from "./bench.ts";

const schema = "cases";
/** A call that takes longer waits for a lock whose holder waits for virtual time. Milliseconds. */
const longestWaitMs = 300;
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
      const text = (args[0] as { text?: string } | undefined)?.text ?? "";
      if (text.startsWith("LISTEN")) traffic.#listen(this);
      if (text.includes("pg_notify")) traffic.#hasAnnounced = true;
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
    if (!(answer instanceof Promise)) return answer;
    const isOver = (): void => void this.#underWay.delete(ended);
    const ended: Promise<unknown> = answer.then(isOver, isOver);
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

/** Opens the pool at the first case; `close` when the last is over. */
export function postgresSource(): BenchSource & { close(): Promise<void> } {
  let opened: ReturnType<typeof openDatabase> | null = null;
  return {
    isRemote: true,
    createStore: async (fake) => {
      opened ??= openDatabase();
      const { pool, traffic, clear } = await opened;
      await clear();
      // timers of a connection are those of the world's network; leases are judged by virtual time
      const environment: Environment = { ...fake, setTimer: realEnvironment.setTimer };
      const open = (): BenchStore => {
        const store = createPostgresStore({ pool, schema, environment, now: () => environment.now() });
        return { ...store, quiet: () => traffic.quiet() };
      };
      return { store: open(), reopen: async () => open() };
    },
    close: async () => (await opened)?.close(),
  };
}

async function openDatabase(): Promise<{ pool: pg.Pool; traffic: Traffic; clear(): Promise<void>; close(): Promise<void> }> {
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 24, pipeline: true } as pg.PoolConfig);
  // dropping the database ends connections that are just ending
  pool.on("error", () => undefined);
  await createPostgresStore({ pool, schema }).migrate();
  const tables = migrations.flatMap(({ script }) => tablesOf(script(postgresDialect)));
  const script = tables.map((table) => `DELETE FROM ${schema}.${table}`).join(";");
  const traffic = new Traffic();
  return {
    pool,
    traffic,
    clear: async () => void (await pool.query(script)),
    close: async () => {
      traffic.stop();
      await pool.end();
      await database.drop();
    },
  };
}
