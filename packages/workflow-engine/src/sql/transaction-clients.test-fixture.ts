// Whoever a user may have a transaction open with on PostgreSQL: each opens one, runs what the test does in it, and commits, or rolls back
// when that throws. All of them speak to the real database.
import { createRequire } from "node:module";
import { drizzle } from "drizzle-orm/node-postgres";
import { drizzle as drizzleOnPostgresJs } from "drizzle-orm/postgres-js";
import { CamelCasePlugin, Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import postgres from "postgres";
import { z } from "zod";
import { defineWorkflow } from "../define/builder.ts";
import { defineStage } from "../define/stage.ts";
import type { TransactionClient } from "../ports/transaction.ts";
import { generatedClient } from "../prisma/clients.test-fixture.ts";
import { smallestSchema } from "../prisma/schemas.test-fixture.ts";

const Any = z.unknown();
const schemas = { input: Any, output: Any, config: z.object({}) };
const stage = defineStage({ id: "a", name: "A", schemas, execute: async () => ({ output: 1 }) });

/** A workflow `w` of one stage `a`. */
export const workflow = defineWorkflow({ id: "w", name: "W", input: Any }).pipe(stage).build();

/** A command that creates a run of it. */
export const create = (idempotencyKey: string, input: unknown = {}) => {
  return { type: "run.create", idempotencyKey, workflowId: "w", input } as const;
};

/** A user's transaction. */
export interface UserTransaction {
  readonly client: TransactionClient;
  /** Inserts a row of the user's own into `orders`. */
  insert(id: string): Promise<unknown>;
}

/** One way to have a transaction. */
export interface UserClient {
  readonly name: string;
  transaction<T>(work: (tx: UserTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const insertOrder = "INSERT INTO public.orders (id) VALUES ($1)";

/** A pool whose connections may be ended with their database, just before they end themselves. */
export function openPool(config: pg.PoolConfig & { pipeline?: boolean }): pg.Pool {
  return new pg.Pool(config).on("error", () => undefined);
}

/** Opens every client on a database. */
export async function openUserClients(url: string): Promise<UserClient[]> {
  // how a user has set up types must not matter: these answer other types than ours, and look elsewhere for tables
  const getTypeParser = (oid: number) => (text: string) => (oid === pg.types.builtins.TEXT ? text : { text });
  const types = { getTypeParser } as unknown as pg.CustomTypesConfig;
  const pool = openPool({ connectionString: url, max: 20, options: "-c search_path=nowhere", types });
  const pipelining = openPool({ connectionString: url, max: 20, pipeline: true });
  return [
    openPg("pg", pool),
    openPg("pg, pipelining", pipelining),
    await openPrisma(url),
    openDrizzle(url),
    openPostgresJs(url),
    openDrizzleOnPostgresJs(url),
    openKysely(url),
    openQuery(url),
  ];
}

/** A pool of `pg`. */
export function openPg(name: string, pool: pg.Pool): UserClient {
  return {
    name,
    transaction: (work) => onConnection(pool, (client) => work({ client, insert: (id) => client.query(insertOrder, [id]) })),
    close: () => pool.end(),
  };
}

async function onConnection<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

async function openPrisma(url: string): Promise<UserClient> {
  const { PrismaPg } = createRequire(import.meta.url)("@prisma/adapter-pg");
  const Client = await generatedClient(smallestSchema, "postgresql");
  const prisma = new Client({ adapter: new PrismaPg({ connectionString: url, max: 20 }) }) as unknown as Prisma;
  return {
    name: "Prisma",
    transaction: (work) => {
      return prisma.$transaction((tx) => work({ client: tx, insert: (id) => tx.$executeRawUnsafe(insertOrder, id) }), { timeout: 30_000 });
    },
    close: () => prisma.$disconnect(),
  };
}

interface Prisma {
  $transaction<T>(work: (tx: PrismaTx) => Promise<T>, options: { timeout: number }): Promise<T>;
  $disconnect(): Promise<void>;
}

interface PrismaTx {
  $queryRawUnsafe(text: string, ...values: unknown[]): Promise<unknown>;
  $executeRawUnsafe(text: string, ...values: unknown[]): Promise<number>;
}

function openDrizzle(url: string): UserClient {
  const pool = openPool({ connectionString: url, max: 20 });
  return ofDrizzle("Drizzle", drizzle(pool), () => pool.end());
}

function openDrizzleOnPostgresJs(url: string): UserClient {
  const sql = postgres(url, { max: 20 });
  return ofDrizzle("Drizzle on postgres.js", drizzleOnPostgresJs(sql), () => sql.end());
}

type DrizzleTx = TransactionClient & { execute(sql: string): PromiseLike<unknown> };

/** Drizzle on whichever driver. */
interface Drizzle {
  transaction<T>(work: (tx: DrizzleTx) => Promise<T>): Promise<T>;
}

function ofDrizzle(name: string, db: Drizzle, close: () => Promise<void>): UserClient {
  const insert = async (tx: DrizzleTx, id: string) => tx.execute(`INSERT INTO public.orders (id) VALUES ('${id}')`);
  return {
    name,
    transaction: (work) => db.transaction((tx) => work({ client: tx, insert: (id) => insert(tx, id) })),
    close,
  };
}

function openPostgresJs(url: string): UserClient {
  const sql = postgres(url, { max: 20 });
  return {
    name: "postgres.js",
    transaction: async <T>(work: (tx: UserTransaction) => Promise<T>) => {
      const result = await sql.begin((tx) => work({ client: tx, insert: (id) => tx`INSERT INTO public.orders (id) VALUES (${id})` }));
      return result as T;
    },
    close: () => sql.end(),
  };
}

function openKysely(url: string): UserClient {
  const dialect = new PostgresDialect({ pool: openPool({ connectionString: url, max: 20 }) });
  const db = new Kysely<{ orders: { id: string } }>({ dialect, plugins: [new CamelCasePlugin()] });
  return {
    name: "Kysely",
    transaction: (work) => {
      return db.transaction().execute((trx) => work({ client: trx, insert: (id) => trx.insertInto("orders").values({ id }).execute() }));
    },
    close: () => db.destroy(),
  };
}

function openQuery(url: string): UserClient {
  const pool = openPool({ connectionString: url, max: 20 });
  return {
    name: "a function",
    transaction: (work) => {
      return onConnection(pool, (connection) => {
        const client = async (text: string, params: unknown[]) => (await connection.query({ text, values: params, rowMode: "array" })).rows;
        return work({ client, insert: (id) => connection.query(insertOrder, [id]) });
      });
    },
    close: () => pool.end(),
  };
}
