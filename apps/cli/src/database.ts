// Where runs are kept, as `--db` names it: a SQLite file or a PostgreSQL server. The password of a URL is for the driver alone: whatever
// is shown, printed or thrown names the database by `shown`.
import { existsSync } from "node:fs";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { UsageError } from "./usage-error.ts";

/** Names the database where `--db` does not: a URL with a password stays out of the list of processes. */
export const dbVariable = "WORKFLOW_ENGINE_DB";

/** The store the commands use. */
export type Store = ReturnType<typeof createSqliteStore>;

/** A database by its path or URL; connects to nothing by itself. */
export class Database {
  readonly #location: string;
  readonly isPostgres: boolean;
  /** What it is called wherever somebody may read it; a password is `***`. */
  readonly shown: string;

  /** Throws a UsageError for a URL that is none, or of another server than PostgreSQL. */
  constructor(location: string) {
    if (location === "") throw new UsageError("--db is empty", "Pass the path of a SQLite file, or a postgres:// URL.");
    this.#location = location;
    this.isPostgres = /^postgres(ql)?:/i.test(location);
    if (!this.isPostgres && /^[a-z][a-z0-9+.-]+:\/\//i.test(location)) {
      const scheme = location.slice(0, location.indexOf(":"));
      throw new UsageError(`--db does not know ${scheme} databases`, "Pass the path of a SQLite file, or a postgres:// URL.");
    }
    this.shown = this.isPostgres ? withoutSecrets(location) : location;
  }

  /** False for a file that is not there; a server is asked when it is used. */
  get mayExist(): boolean {
    return this.isPostgres || existsSync(this.#location);
  }

  /** A store on it, not opened; with `migrate: false` PostgreSQL must be at the version of this package already. */
  createStore(migrate = true): Store {
    if (this.isPostgres) return createPostgresStore({ connectionString: this.#location, migrate });
    return createSqliteStore({ path: this.#location });
  }

  toString(): string {
    return this.shown;
  }
}

/** The words that name a database in a command line to copy; none where the variable names it, password and all. */
export function onDb(shown: string): string[] {
  try {
    return new Database(process.env[dbVariable] ?? "").shown === shown ? [] : ["--db", shown];
  } catch {
    return ["--db", shown]; // it names none
  }
}

/** A URL as it may be read by everybody. */
function withoutSecrets(location: string): string {
  const url = URL.canParse(location) ? new URL(location) : null;
  if (!url || !/^postgres(ql)?:\/\//i.test(location)) {
    // the text itself stays untold: where its password begins and ends is what cannot be read
    throw new UsageError(
      "--db is not a URL like postgres://user:password@host:5432/database",
      "In a user or password write / ? # @ : as %2F %3F %23 %40 %3A.",
    );
  }
  if (url.password !== "") url.password = "***";
  for (const name of [...url.searchParams.keys()]) if (/password/i.test(name)) url.searchParams.set(name, "***");
  return url.href;
}
