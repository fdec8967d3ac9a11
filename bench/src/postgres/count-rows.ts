// Asks a database for what an engine's own interface does not tell.
import { queriesOn } from "../../../tools/postgres/queries.ts";

/** Counts rows: `from` is what follows FROM. */
export async function countRows(url: string, from: string): Promise<number> {
  const [row] = await queriesOn(url)(`SELECT count(*) FROM ${from}`);
  return Number(row?.["count"]);
}
