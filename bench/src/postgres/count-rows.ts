// Asks a database for what an engine's own interface does not tell.
import pg from "pg";

/** Counts rows: `from` is what follows FROM. */
export async function countRows(url: string, from: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${from}`);
    return Number(rows[0]?.count);
  } finally {
    await client.end();
  }
}
