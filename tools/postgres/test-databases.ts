// Databases for tests: all tests of a run share one server, started when the first of them wants it. DATABASE_URL names another
// server, with a user that may create databases.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Query, queriesOn } from "./queries.ts";
import { type PostgresServer, startPostgres } from "./server.ts";

/** Where the tests of a run ask for the server that they share. */
export const BROKER = "TEST_POSTGRES_BROKER";

let own: Promise<PostgresServer> | null = null;

/** Connection string of the server that tests share; of one of this process outside of a test run. */
export async function testServerUrl(): Promise<string> {
  const given = process.env["DATABASE_URL"];
  if (given) return given;
  const broker = process.env[BROKER];
  if (!broker) return (await (own ??= startPostgres())).url;
  const response = await fetch(broker);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}

/** A database that nobody else uses. */
export interface TestDatabase {
  readonly url: string;
  /** Runs SQL on a connection of its own; answers the rows. */
  readonly query: Query;
  /** Drops it, whoever is connected: who is leaving has a second to do so, since a pool has ended before its connections have. */
  drop(): Promise<void>;
}

const leavingMs = 1_000;
const lookEveryMs = 20;

/** Waits until nobody is connected to a database, but not for long. */
async function untilLeft(server: Query, name: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < leavingMs; waitedMs += lookEveryMs) {
    if ((await server("SELECT 1 FROM pg_stat_activity WHERE datname = $1 LIMIT 1", [name])).length === 0) return;
    await sleep(lookEveryMs);
  }
}

/** Creates an empty database on the server that tests share. */
export async function createTestDatabase(serverUrl?: string): Promise<TestDatabase> {
  const server = serverUrl ?? (await testServerUrl());
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await queriesOn(server)(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    query: queriesOn(url.href),
    drop: async () => {
      await untilLeft(queriesOn(server), name);
      await queriesOn(server)(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}
