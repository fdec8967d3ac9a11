// Migrations: shipped, forward only, safe to run from many processes at once, for each runs under the database's own lock (P21).
import type { Session } from "./db.ts";
import { type Dialect, forOne } from "./dialect.ts";
import { init } from "./schema/0001-init.ts";

/** A version of the schema; its name is what the database remembers. */
export interface Migration {
  readonly name: string;
  script(dialect: Dialect): string;
}

/** Every migration, oldest first. A published one is never edited. */
export const migrations: readonly Migration[] = [{ name: "0001-init", script: init }];

const listApplied = forOne("list_applied", {}, () => "SELECT name FROM schema_migrations");
const markApplied = forOne("mark_applied", { name: "text", applied_at: "int" }, (p) => {
  return `INSERT INTO schema_migrations (name, applied_at) VALUES (${p.name}, ${p.applied_at})`;
});

/** True when a database that has a version has the newest. */
export async function isMigrated(session: Session, all: readonly Migration[] = migrations): Promise<boolean> {
  const applied = new Set((await session.read(listApplied, [[]])).map(([name]) => name));
  return all.every(({ name }) => applied.has(name));
}

/**
 * Brings the database to the newest version; inside a transaction that holds the write lock. `beforeChange` is told what is there before
 * tables change that others may be working in.
 */
export async function migrate(
  session: Session,
  now: number,
  all: readonly Migration[] = migrations,
  beforeChange: (applied: readonly Migration[]) => Promise<void> = async () => undefined,
): Promise<void> {
  await session.execute("CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)");
  const names = new Set((await session.read(listApplied, [[]])).map(([name]) => name));
  const [applied, missing] = [all.filter(({ name }) => names.has(name)), all.filter(({ name }) => !names.has(name))];
  if (applied.length > 0 && missing.length > 0) await beforeChange(applied);
  for (const migration of missing) {
    await session.execute(migration.script(session.dialect));
    await session.write(markApplied, [[migration.name, now]]);
  }
}
