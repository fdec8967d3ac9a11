// The stores a soak runs on: how a process opens one, and how big its tables are.
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { KernelConfig, Persistence, Reader } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";

/** A store as the soak's processes use it. */
export interface SoakStore extends Pick<KernelConfig, "jobTransport" | "blobStore"> {
  persistence: Persistence;
  reader: Reader;
  close(): Promise<void>;
}

/** Names of the stores. */
export type SoakStoreName = "sqlite";

/** Opens the store at this place. */
export function openSoakStore(_name: SoakStoreName, place: string): SoakStore {
  return createSqliteStore({ path: place });
}

/** Rows of each table, and the bytes of the whole under "bytes". */
export function measureTables(_name: SoakStoreName, place: string): Record<string, number> {
  const database = new DatabaseSync(place, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").all();
    const counts = tables.map(({ name }): [string, number] => {
      const row = database.prepare(`SELECT count(*) AS count FROM "${String(name)}"`).get();
      return [String(name), Number(row?.["count"])];
    });
    return { ...Object.fromEntries(counts), bytes: statSync(place).size };
  } finally {
    database.close();
  }
}
