// Opens the database the commands work on and closes it whatever happens. A database that cannot be opened is the caller's to mend.
import { errorCodeOf } from "@bratsos/workflow-engine";
import { type Database, onDb, type Store } from "./database.ts";
import { commandLine } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** Where runs are kept unless `--db` says otherwise; relative to the working directory. */
export const defaultDb = ".workflow-engine/workflow-engine.db";

/**
 * Opens a database, uses it and closes it. `isNew` makes its tables when they are missing; without it they have to be there, else that
 * is a UsageError, as is a server that cannot be reached and a missing driver.
 */
export async function withStore<T>(db: Database, { isNew }: { isNew: boolean }, use: (store: Store) => Promise<T>): Promise<T> {
  if (!isNew && !db.mayExist) {
    throw new UsageError(`No database at ${db}`, `Run something first (${commandLine("run", "./workflow.ts")}), or pass the right --db.`);
  }
  silenceSqliteWarning();
  const store = db.createStore(isNew);
  try {
    await open(store, db, isNew);
    return await use(store);
  } finally {
    await store.close();
  }
}

/** True when the tables are there and of this version; throws a UsageError when nobody can be asked. */
export async function isUpToDate(db: Database): Promise<boolean> {
  if (!db.isPostgres) return db.mayExist;
  const store = db.createStore(false);
  try {
    await store.reader.listRuns({}, { limit: 1 });
    return true;
  } catch (error) {
    if (errorCodeOf(error) === "NOT_CONFIGURED") return false;
    throw openError(error, db);
  } finally {
    await store.close();
  }
}

async function open(store: Store, db: Database, isNew: boolean): Promise<void> {
  try {
    if (isNew || !db.isPostgres) await store.migrate();
    else await store.reader.listRuns({}, { limit: 1 });
  } catch (error) {
    throw openError(error, db);
  }
}

/** What the caller can do about a database that does not open; other errors as they are. */
function openError(error: unknown, db: Database): unknown {
  const message = error instanceof Error ? error.message : String(error);
  switch (errorCodeOf(error)) {
    case "MISSING_PACKAGE":
      return new UsageError(`${db} needs the package "pg", which is not installed`, "Install it beside this command: npm install pg");
    case "NOT_CONFIGURED":
      return new UsageError(`${db} does not have the tables of this version`, `Make them: ${commandLine("migrate", ...onDb(db.shown))}`);
    case "STORE_REFUSED":
      return db.isPostgres ? new UsageError(message, "Is the server running, and are host, port, user and password right?") : error;
    default:
      return error;
  }
}

/** Older Nodes call their SQLite experimental on every start; the people who run a workflow cannot do anything about it. */
function silenceSqliteWarning(): void {
  const emitWarning = process.emitWarning as (...args: unknown[]) => void;
  process.emitWarning = ((...args: unknown[]) => {
    if (!String(args[0]).startsWith("SQLite is an experimental feature")) emitWarning.apply(process, args);
  }) as typeof process.emitWarning;
}
