// How big the tables of a store are.
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Tells how many rows each table has, and under "bytes" how big the whole is. */
export type MeasureTables = () => Promise<Record<string, number>>;

/** Measures a SQLite file. */
export function sqliteTables(file: string): MeasureTables {
  return async () => {
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      const tables = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
        .all();
      const counts = tables.map(({ name }): [string, number] => {
        const row = database.prepare(`SELECT count(*) AS count FROM "${String(name)}"`).get();
        return [String(name), Number(row?.["count"])];
      });
      return { ...Object.fromEntries(counts), bytes: statSync(file).size };
    } finally {
      database.close();
    }
  };
}

/** Measures the engine's schema of a PostgreSQL database. Bytes include what vacuum has yet to give back. */
export function postgresTables(query: (sql: string) => Promise<Record<string, unknown>[]>): MeasureTables {
  return async () => {
    const tables = await query("SELECT tablename FROM pg_tables WHERE schemaname = 'workflow_engine' ORDER BY tablename");
    const counts = tables.map(
      ({ tablename }) => `(SELECT count(*)::int FROM workflow_engine."${String(tablename)}") AS "${String(tablename)}"`,
    );
    const [row] = await query(`SELECT ${[...counts, "pg_database_size(current_database())::bigint::text AS bytes"].join(", ")}`);
    return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]));
  };
}
