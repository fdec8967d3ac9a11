// Single statements on a PostgreSQL, from tests and tools: each on a connection of its own, so that nothing stays open.
import pg from "pg";

/** Runs one statement; answers its rows. */
export type Query = (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

/** Runs statements on a server or database, each on a connection of its own. */
export function queriesOn(connectionString: string): Query {
  return async (sql, values = []) => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end();
    }
  };
}
