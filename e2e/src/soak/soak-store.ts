// The stores a soak runs on: how a process opens one, and how big its tables are.
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { KernelConfig, Persistence, Reader } from "@bratsos/workflow-engine";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";

/** A store as the soak's processes use it. */
export interface SoakStore extends Pick<KernelConfig, "jobTransport" | "blobStore"> {
  persistence: Persistence;
  reader: Reader;
  close(): Promise<void>;
}

/** Names of the stores. */
export type SoakStoreName = "sqlite" | "postgres";

/** Tells how many rows each table has, and under "bytes" how big the whole is. */
export type MeasureTables = () => Promise<Record<string, number>>;

/** Opens the store at this place: a file, or a connection string. */
export function openSoakStore(name: SoakStoreName, place: string): SoakStore {
  return name === "postgres" ? createPostgresStore({ connectionString: place, lanes: 1 }) : createSqliteStore({ path: place });
}

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
