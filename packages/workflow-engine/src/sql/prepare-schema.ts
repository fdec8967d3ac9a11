// Brings a schema of PostgreSQL to the newest version, whoever else comes at once and whatever is under way in it (P21). One transaction
// under an advisory lock that ends with it, so that a pooler may give every transaction another session.
import { WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import { again, type Session } from "./db.ts";
import { forOne, postgresDialect } from "./dialect.ts";
import type { PostgresDb } from "./drivers/postgres.ts";
import { sqlStateOf } from "./drivers/postgres-client.ts";
import { quoteName, tablesOf } from "./drivers/postgres-names.ts";
import { hashOf } from "./lanes.ts";
import { isMigrated, type Migration, migrate } from "./migrate.ts";

const findVersions = forOne("find_versions", { schema: "text" }, (p) => {
  return `SELECT 1 FROM pg_tables WHERE schemaname = ${p.schema} AND tablename = 'schema_migrations'`;
});
const findSchema = forOne("find_schema", { name: "text" }, (p) => `SELECT 1 FROM pg_namespace WHERE nspname = ${p.name}`);

/** How long one who migrates waits for a table that it wants while it keeps others from those that it has: less than PostgreSQL's own deadlock_timeout (1 s). */
const lockPatienceMs = 200;
/** The tables that nearly every transaction comes to first: once they are had, what is still under way ends without waiting. */
const gates: readonly string[] = ["leases", "runs", "stages"];
/** About a minute. */
const mostTries = 150;

/** What is to be brought to which version. */
export interface SchemaPlace {
  readonly schema: string;
  /** Every version, oldest first. */
  readonly all: readonly Migration[];
  readonly environment: Pick<Environment, "setTimer" | "random">;
}

/** The tables that these migrations make, and the one that remembers them. */
export function tablesOfAll(all: readonly Migration[]): string[] {
  return ["schema_migrations", ...all.flatMap(({ script }) => tablesOf(script(postgresDialect)))];
}

/** True when a schema has all of these versions. */
export async function isCurrent(session: Session, { schema, all }: SchemaPlace): Promise<boolean> {
  return (await session.read(findVersions, [[schema]])).length > 0 && isMigrated(session, all);
}

/** Brings a schema to the newest version unless it is; of many who come at once one does it, and the others find it done. */
export async function prepareSchema(db: PostgresDb, place: SchemaPlace): Promise<void> {
  const { schema, all } = place;
  await again(async () => {
    if (await db.begin("BEGIN", (session) => isCurrent(session, place))) return;
    await db.begin("BEGIN ISOLATION LEVEL READ COMMITTED", async (session) => {
      await session.execute(`SELECT pg_advisory_xact_lock(${hashOf(`workflow_engine ${schema}`)})`);
      if ((await session.read(findSchema, [[schema]])).length === 0) await session.execute(`CREATE SCHEMA ${quoteName(schema)}`);
      await migrate(session, db.now(), all, (applied) => lockTables(session, applied, place));
    });
  });
}

/** Throws NOT_CONFIGURED unless a schema is at the newest version. */
export async function requireSchema(db: PostgresDb, place: SchemaPlace): Promise<void> {
  if (await again(() => db.begin("BEGIN", (session) => isCurrent(session, place)))) return;
  throw new WorkflowEngineError(
    "NOT_CONFIGURED",
    `Schema "${place.schema}" is not at the version of this package. Run: npx workflow-engine migrate --db <connection string>`,
  );
}

/**
 * Waits until nobody is in the tables, and keeps everybody out. Whoever works in them may have one and want another: A, who migrates, has
 * runs and wants stages; B has stages and wants runs. A gives up first and comes again, before the database would end either of them.
 */
async function lockTables(session: Session, applied: readonly Migration[], place: SchemaPlace): Promise<void> {
  const { schema, environment } = place;
  const made = applied.flatMap(({ script }) => tablesOf(script(session.dialect)));
  const tables = [...gates, ...made.filter((table) => !gates.includes(table))];
  const locks = tables.map((table) => `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  const script = [`SET LOCAL lock_timeout = ${lockPatienceMs}`, ...locks, "SET LOCAL lock_timeout = DEFAULT"].join("; ");
  for (let tries = 1; ; tries++) {
    try {
      return await session.attempt(() => session.execute(script));
    } catch (error) {
      if (sqlStateOf(error) !== "55P03") throw error;
      if (tries === mostTries) {
        const message = `The tables of schema "${schema}" are in use by a transaction that does not end. Look for it in pg_stat_activity, end it, and migrate again.`;
        throw new WorkflowEngineError("STORE_REFUSED", message, { cause: error });
      }
      await new Promise<void>((resolve) => void environment.setTimer(lockPatienceMs * (0.5 + environment.random()), resolve));
    }
  }
}
