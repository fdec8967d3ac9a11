// Opens the SQLite database the commands work on, brought up to date, and closes it whatever happens.
import { existsSync } from "node:fs";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { commandLine } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** Where runs are kept unless `--db` says otherwise; relative to the working directory. */
export const defaultDb = ".workflow-engine/workflow-engine.db";

/** The store the commands use. */
export type Store = ReturnType<typeof createSqliteStore>;

/** Opens a database, uses it and closes it; `isNew` allows for one that does not exist yet, else that is a UsageError. */
export async function withStore<T>(db: string, { isNew }: { isNew: boolean }, use: (store: Store) => Promise<T>): Promise<T> {
  if (!isNew && !existsSync(db)) {
    throw new UsageError(`No database at ${db}`, `Run something first (${commandLine("run", "./workflow.ts")}), or pass the right --db.`);
  }
  silenceSqliteWarning();
  const store = createSqliteStore({ path: db });
  try {
    await store.migrate();
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Older Nodes call their SQLite experimental on every start; the people who run a workflow cannot do anything about it. */
function silenceSqliteWarning(): void {
  const emitWarning = process.emitWarning as (...args: unknown[]) => void;
  process.emitWarning = ((...args: unknown[]) => {
    if (!String(args[0]).startsWith("SQLite is an experimental feature")) emitWarning.apply(process, args);
  }) as typeof process.emitWarning;
}
