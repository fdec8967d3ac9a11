// Makes many ended runs of a few: every row that real runs have left is copied in SQL, under new ids and earlier instants, as a history
// grows. Tables and columns come from the catalogue, so that it stays right when the schema changes. What it leans on: names of instants end
// in `at` or `until`; ids are of one moment, that is UUIDs of version 7 whose first eight digits are the same; ids of rows are counted up.
import pg from "pg";
import { type Query, queriesOn } from "./queries.ts";

/** What to multiply. */
export interface MultiplyOptions {
  /** Connection string of the database. */
  url: string;
  /** Schema of the store; in it are ended runs and nothing else, and nobody works on it. */
  schema: string;
  /** Runs in the end, those there are included; rounded up to whole copies. */
  runs: number;
  /** Hours over which their ends are spread, so that retention leaves them; default 20. */
  hours?: number;
  /** Milliseconds that are added to every instant, so that the history ends where a fake clock begins; default 0. */
  shiftMs?: number;
  /** True (default): vacuumed and analysed, as a database is that has been there for a while. */
  isAnalysed?: boolean;
}

/** A maker of ids of one moment: `multiplyRuns` gives their copies to earlier ones. */
export function ofOneMoment(newId: () => string): () => string {
  const moment = newId().slice(0, 8);
  return () => `${moment}${newId().slice(8)}`;
}

/** Publishes each copy by itself: its events are those of one transaction, of which there were as many before the first. */
const publications = (target: string, outbox: string): string => `TRUNCATE ${target};
  INSERT INTO ${target} (published_at, after_tx, after_open, until_tx, open, first_id, last_id, top_id)
    SELECT max(occurred_at), tx, '{}', tx + 1, '{}', min(id), max(id), max(id) FROM ${outbox} GROUP BY tx`;

/** Rows of processes, not of runs; and those that are made anew. */
const notMultiplied = ["schema_migrations", "instances", "leases", "publications"];
/** Rows that an insert is made of, about: they are sorted, so that ids go with time. */
const rowsATime = 100_000;

interface Column {
  name: string;
  type: "bigint" | "text";
}

/** Multiplies the runs of a schema; answers how many there are. */
export async function multiplyRuns(options: MultiplyOptions): Promise<number> {
  const { url, schema, runs, isAnalysed = true } = options;
  const query = queriesOn(url);
  const inSchema = quoted(schema);
  const [kept] = await query(`SELECT count(*) AS runs FROM ${inSchema}.runs WHERE status IN ('COMPLETED', 'FAILED', 'CANCELLED')`);
  const [all] = await query(`SELECT count(*) AS runs, array_agg(DISTINCT left(id, 8)) AS moments FROM ${inSchema}.runs`);
  const few = Number(all!["runs"]);
  if (few === 0 || Number(kept!["runs"]) < few)
    throw new Error(`multiplyRuns: ${few} runs, of which ${kept!["runs"]} have ended: all must have`);
  const [moment, ...others] = all!["moments"] as string[];
  if (moment === undefined || others.length > 0) throw new Error("multiplyRuns: ids must be of one moment, see ofOneMoment");
  const copies = Math.ceil(runs / few);
  const tables = await tablesOf(query, schema);
  await Promise.all(tables.map((table) => multiplyTable(options, table, moment, copies)));
  await query(publications(`${inSchema}.publications`, `${inSchema}.outbox`));
  if (isAnalysed) for (const table of [...tables, "publications"]) await query(`VACUUM (ANALYZE) ${inSchema}.${table}`);
  return copies * few;
}

async function tablesOf(query: Query, schema: string): Promise<string[]> {
  const rows = await query("SELECT tablename FROM pg_tables WHERE schemaname = $1 AND NOT tablename = ANY($2) ORDER BY 1", [
    schema,
    notMultiplied,
  ]);
  return rows.map(({ tablename }) => tablename as string);
}

/** Puts the copies in the place of a table's rows, the oldest first. */
async function multiplyTable(options: MultiplyOptions, table: string, moment: string, copies: number): Promise<void> {
  const { url, schema, hours = 20, shiftMs = 0 } = options;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const target = `${quoted(schema)}.${table}`;
    const columns = await columnsOf(client, schema, table);
    await client.query(
      `SET synchronous_commit = off; SET work_mem = '128MB'; CREATE TEMP TABLE few AS SELECT row_number() OVER () AS place, * FROM ${target}`,
    );
    const count = Number((await client.query<{ count: string }>("SELECT count(*) FROM few")).rows[0]!.count);
    if (count === 0) return;
    await client.query(`TRUNCATE ${target}; ANALYZE few`);
    const everyMs = Math.floor((hours * 60 * 60_000) / copies);
    const values = columns.map((column) => copyOf(column, moment, everyMs, shiftMs));
    const step = Math.max(1, Math.floor(rowsATime / count));
    for (let last = copies - 1; last >= 0; last -= step) {
      await client.query(`INSERT INTO ${target} (${columns.map(({ name }) => name).join(", ")})
        SELECT ${values.join(", ")} FROM generate_series(${Math.max(0, last - step + 1)}, ${last}) AS copy, few ORDER BY copy DESC, place`);
    }
  } finally {
    await client.end();
  }
}

/** Columns whose values are somebody's: those that the database counts up are left to it. */
async function columnsOf(client: pg.Client, schema: string, table: string): Promise<Column[]> {
  const { rows } = await client.query<{ name: string; type: string; counted: boolean; isRowId: boolean }>(
    `SELECT column_name AS name, data_type AS type, is_identity = 'YES' AS counted, column_name = 'outbox_id' AS "isRowId"
     FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position`,
    [schema, table],
  );
  const strange = rows.find(({ type }) => type !== "bigint" && type !== "text");
  if (strange) throw new Error(`multiplyRuns: ${table}.${strange.name} is of type ${strange.type}; say here how it is copied`);
  const isEmpty = (await client.query(`SELECT 1 FROM ${quoted(schema)}.${table} LIMIT 1`)).rows.length === 0;
  if (!isEmpty && rows.some(({ isRowId }) => isRowId)) {
    throw new Error(`multiplyRuns: ${table} names rows of the outbox, whose ids are given anew; let every event be delivered first`);
  }
  return rows.filter(({ counted }) => !counted).map(({ name, type }) => ({ name, type: type as Column["type"] }));
}

/** What a column holds in a copy: ids of as many moments ago, instants of as many steps. */
function copyOf({ name, type }: Column, moment: string, everyMs: number, shiftMs: number): string {
  if (type === "text") return `replace(${name}, '${moment}-', lpad(to_hex(${Number.parseInt(moment, 16)} - copy), 8, '0') || '-')`;
  if (name === "tx") return "-copy";
  const isInstant = /(^|_)(at|until)$/.test(name);
  // 0 is no instant: it says that there is none
  return isInstant ? `CASE WHEN ${name} > 0 THEN ${name} - copy * ${everyMs} + ${shiftMs} ELSE ${name} END` : name;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
