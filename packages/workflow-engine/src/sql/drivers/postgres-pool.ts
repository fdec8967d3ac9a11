// Connections to PostgreSQL: a pool of the caller's own, or one made here by `pg`, which is loaded on first use. Plans are pinned: a
// prepared statement gets its plan while the tables are small or not analysed, and a sequential scan chosen then stays for hours.
import { WorkflowEngineError } from "../../errors.ts";
import type { PgClient, PgPool, PgPoolClient } from "./postgres-client.ts";
import { sqlStateOf } from "./postgres-client.ts";

/** Where connections come from. */
export interface PoolOptions {
  connectionString?: string | undefined;
  pool?: PgPool | undefined;
  /** Connections at most, of a pool made here. */
  size: number;
  /** Milliseconds without an answer after which a connection counts as broken. */
  answerTimeoutMs: number;
}

/** A connection that can listen: it is nobody's but the listener's. */
export interface PgListener extends PgClient {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  on(event: "error" | "end", heard: (error: Error) => void): unknown;
  on(event: "notification", heard: (message: { channel: string; payload?: string | undefined }) => void): unknown;
}

/** Of the time that an answer may take, how long the server waits for the next statement: it lets go before others give up waiting. */
const idleShare = 2 / 3;
/** A connection that says nothing for so long is asked whether it lives; milliseconds. */
const KEEP_ALIVE_MS = 10_000;
const LONGEST_CONNECT_MS = 10_000;

/** Settings of every transaction; a connection of a pool made here has them from the start. */
function settingsFor(answerTimeoutMs: number): Array<[name: string, value: string]> {
  return [
    ["default_transaction_isolation", "read committed"],
    ["jit", "off"],
    ["enable_seqscan", "off"],
    ["enable_mergejoin", "off"],
    ["enable_hashjoin", "off"],
    // tables are joined as they are written, whatever is known of them: what waits first, then its run
    ["join_collapse_limit", "1"],
    ["enable_bitmapscan", "off"],
    // a process that was stopped or cut off in the middle of a transaction must not keep its runs from everybody else
    ["idle_in_transaction_session_timeout", `${Math.ceil(answerTimeoutMs * idleShare)}ms`],
  ];
}

/** Connections whose errors are heard, whichever store of this process had them first. */
const guarded = new WeakSet<PgClient>();
const guardedPools = new WeakSet<PgPool>();

/** Hands out connections. */
export class PostgresPool {
  readonly #options: PoolOptions;
  #pool: Promise<PgPool> | null = null;
  /** Empty where connections have the settings already. */
  #settings: readonly string[];
  readonly #local: readonly string[];
  /** Connections that have been used, and how many times by then one had not answered. */
  readonly #known = new WeakMap<PgClient, number>();
  #unanswered = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    const setting = settingsFor(options.answerTimeoutMs).map(([name, value]) => `set_config('${name}', '${value}', true)`);
    this.#local = [`SELECT ${setting.join(", ")}`];
    // what an address says of options stands in place of all that are given beside it
    this.#settings = options.pool || hasOptions(options.connectionString) ? this.#local : [];
  }

  /** What follows BEGIN so that plans stay pinned. */
  get settings(): readonly string[] {
    return this.#settings;
  }

  /** A connection; the caller releases it. */
  async connect(): Promise<PgPoolClient> {
    for (;;) {
      const client = await this.#connect();
      guard(client);
      const knownAt = this.#known.get(client);
      if (knownAt === undefined || knownAt === this.#unanswered) {
        this.#known.set(client, this.#unanswered);
        return client;
      }
      this.#known.delete(client);
      client.release(true);
    }
  }

  /** Takes a connection back that has answered everything it was asked. */
  release(client: PgPoolClient): void {
    this.#known.set(client, this.#unanswered);
    client.release();
  }

  /** One has not answered: those that were connected then, and have not answered since, are replaced instead of waited for in turn. */
  suspectAll(): void {
    this.#unanswered += 1;
  }

  async #connect(): Promise<PgPoolClient> {
    const pool = await (this.#pool ??= this.#open());
    try {
      return await pool.connect();
    } catch (error) {
      if (this.#settings.length === 0 && isRefusedParameter(error)) {
        // PgBouncer takes no options at the start of a connection: each transaction sets its own
        this.#settings = this.#local;
        await pool.end?.();
        this.#pool = this.#open();
        return this.#connect();
      }
      throw connectError(error, this.#options.connectionString);
    }
  }

  /** A connection outside of the pool, not connected yet. */
  async createListener(connectionString?: string): Promise<PgListener> {
    const { Client } = await loadPg();
    const pooled = (this.#options.pool?.options ?? {}) as { password?: string };
    const target = connectionString ?? this.#options.connectionString;
    // a pool hides its password from whoever copies its options
    const config = target === undefined ? { ...pooled, password: pooled.password } : { connectionString: target };
    return new Client({ ...config, ...this.#patience }) as unknown as PgListener;
  }

  /** Ends a pool made here; one of the caller's own stays as it is. */
  async end(): Promise<void> {
    const pool = await this.#pool?.catch(() => null);
    this.#pool = null;
    if (!this.#options.pool) await pool?.end?.();
  }

  get #patience(): { keepAlive: boolean; keepAliveInitialDelayMillis: number; connectionTimeoutMillis: number } {
    const connectionTimeoutMillis = Math.min(LONGEST_CONNECT_MS, this.#options.answerTimeoutMs);
    return { keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS, connectionTimeoutMillis };
  }

  async #open(): Promise<PgPool> {
    const { pool, connectionString, size, answerTimeoutMs } = this.#options;
    if (pool) return guardAll(pool);
    const { Pool } = await loadPg();
    const own = new Pool({
      ...parsed(connectionString),
      max: size,
      idleTimeoutMillis: 60_000,
      ...this.#patience,
      allowExitOnIdle: true,
      ...(this.#settings.length === 0 && {
        options: settingsFor(answerTimeoutMs)
          .map(([name, value]) => `-c ${name}=${value.replaceAll(" ", "\\ ")}`)
          .join(" "),
      }),
    } as ConstructorParameters<typeof Pool>[0]) as unknown as PgPool;
    // an idle connection that breaks is replaced when one is wanted
    own.on?.("error", () => undefined);
    return guardAll(own);
  }
}

/** Whoever waits for an answer gets the error; without a listener it would end the process. */
function guard(client: PgClient): void {
  if (guarded.has(client)) return;
  guarded.add(client);
  client.on("error", () => undefined);
}

/**
 * A server may take its leave in the packet that welcomes: that is read before anybody who waits for the connection has it, and a pool
 * hears no more of a connection that it lends.
 */
function guardAll(pool: PgPool): PgPool {
  if (guardedPools.has(pool)) return pool;
  guardedPools.add(pool);
  const heard = pool as { on?: unknown } as { on?(event: "connect", hear: (client: PgClient) => void): unknown };
  heard.on?.("connect", guard);
  return pool;
}

function parsed(connectionString: string | undefined): { connectionString: string } {
  const url = connectionString && /^postgres(ql)?:\/\//.test(connectionString) ? URL.parse(connectionString) : null;
  // an @ in the path is the end of a password with a / in it
  if (connectionString && url && !url.pathname.includes("@")) return { connectionString };
  // what cannot be taken apart is not shown: nobody knows where in it the password is
  const shown = connectionString === undefined ? "nothing" : "something else; encode special characters of a password, / as %2F";
  throw new WorkflowEngineError(
    "NOT_CONFIGURED",
    `createPostgresStore needs a connectionString like postgres://user:password@host:5432/database, or a pool; it got ${shown}.`,
  );
}

function hasOptions(connectionString: string | undefined): boolean {
  return connectionString !== undefined && (URL.parse(connectionString)?.searchParams.has("options") ?? false);
}

async function loadPg(): Promise<typeof import("pg")> {
  try {
    const loaded = await import("pg");
    return loaded.default as unknown as typeof import("pg");
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new WorkflowEngineError("MISSING_PACKAGE", 'createPostgresStore needs the package "pg". Install it: npm install pg', { cause });
  }
}

function isRefusedParameter(error: unknown): boolean {
  return sqlStateOf(error) === "08P01" || (error instanceof Error && /unsupported startup parameter/i.test(error.message));
}

function connectError(error: unknown, connectionString: string | undefined): Error {
  if (error instanceof WorkflowEngineError) return error;
  // of an address with several meanings every one was tried
  const errors = error instanceof AggregateError ? error.errors : [error];
  const reason = errors.map((one: unknown) => (one instanceof Error ? one.message : String(one))).join("; ");
  const where = connectionString ? hostOf(connectionString) : "the given pool";
  return new WorkflowEngineError("STORE_REFUSED", `No connection to PostgreSQL (${where}): ${reason}. Nothing was written.`, {
    cause: error,
  });
}

/** Host, port and database; never the password. */
function hostOf(connectionString: string): string {
  const { hostname, port, pathname } = new URL(connectionString);
  return `${hostname || "localhost"}:${port || 5432}${pathname}`;
}
