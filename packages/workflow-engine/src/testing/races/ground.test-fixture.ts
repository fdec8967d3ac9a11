// Where commands race: kernels of processes on one database, a clock that all of them read, and what they are watched by.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { createTestDatabase } from "../../../../../tools/postgres/test-databases.ts";
import { createKernelOn } from "../../defaults.ts";
import { realEnvironment } from "../../environment.ts";
import { FatalError } from "../../errors.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { createPluginRunner, definePlugin } from "../../kernel/plugins.ts";
import { createRegistry } from "../../kernel/registry.ts";
import type { WorkSession } from "../../kernel/session.ts";
import type { Environment } from "../../ports/environment.ts";
import type { EventType } from "../../ports/event.ts";
import type { Session } from "../../sql/db.ts";
import { postgresDialect } from "../../sql/dialect.ts";
import type { PgPool } from "../../sql/drivers/postgres-client.ts";
import { tablesOf } from "../../sql/drivers/postgres-names.ts";
import { SqliteDb } from "../../sql/drivers/sqlite.ts";
import { migrate, migrations } from "../../sql/migrate.ts";
import { createPostgresStore } from "../../sql/postgres.ts";
import type { SqlStore } from "../../sql/whole-store.ts";
import { createSqlStore } from "../../sql/whole-store.ts";
import { DoorHistory } from "./door-history.test-fixture.ts";
import { racedWorkflow } from "./situations.test-fixture.ts";

/** An event as a consumer got it. */
type Told = { readonly eventId?: string };

/** What a race runs on. */
export interface Ground {
  readonly kernels: readonly Kernel[];
  /** A process that takes no part in the race. */
  readonly ghost: WorkSession;
  /** Not watched. */
  readonly observer: SqlStore;
  readonly history: DoorHistory;
  /** What the consumer was told that takes every event, in its order. */
  readonly told: Told[];
  /** How often the consumer was tried that refuses what it is told. */
  readonly refusals: Told[];
  pass(ms: number): void;
  /** Empties the tables. */
  clear(): Promise<void>;
  /** The most connections that were at work at once; null where that is not counted. */
  busiest(): number | null;
  /** Deadlocks that the database has found, none of which anybody should hear of. */
  deadlocks(): Promise<number>;
  close(): Promise<void>;
}

const everyEvent: readonly EventType[] = [
  ...(["workflow:created", "workflow:started", "workflow:completed", "workflow:failed", "workflow:cancelled"] as const),
  ...(["workflow:suspended", "workflow:rerun", "stage:started", "stage:completed", "stage:suspended", "stage:failed"] as const),
  ...(["stage:retrying", "stage:held", "budget:raised", "stage:progress"] as const),
];

/** A clock that everybody reads, and that passes as it is told to besides. */
function createClock(): { environment: Environment; pass(ms: number): void } {
  let ahead = 0;
  const environment = { ...realEnvironment, now: () => realEnvironment.now() + ahead };
  return {
    environment,
    pass: (ms) => {
      ahead += ms;
    },
  };
}

type Wired = Pick<Ground, "kernels" | "ghost" | "observer" | "history" | "told" | "refusals">;

function wire(stores: readonly SqlStore[], observer: SqlStore): Wired {
  const history = new DoorHistory();
  const told: Told[] = [];
  const refusals: Told[] = [];
  const refuse = (event: Told): never => {
    refusals.push(event);
    throw new FatalError("never");
  };
  const plugins = [
    definePlugin({ id: "all", name: "All", on: everyEvent, handle: (event) => void told.push(event) }),
    definePlugin({ id: "none", name: "None", on: ["workflow:created"], handle: refuse }),
  ];
  const kernelOn = (store: SqlStore): Kernel => {
    const parts = { ...store, registry: createRegistry([racedWorkflow]), eventSink: createPluginRunner({ plugins }) };
    return createKernelOn(() => history.watch(store.runStore), parts);
  };
  const ghost = kernelOn(stores[0]!).work.openSession({ workerId: "ghost" });
  return { kernels: stores.map(kernelOn), ghost, observer, history, told, refusals };
}

/** Every connection of this pool sends what `rewrite` makes of a statement. */
function rewriting(pool: pg.Pool, rewrite: (text: string) => string): void {
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (query: { text: string }) => unknown;
    Object.assign(client, { query: (sent: { text: string }) => query({ ...sent, text: rewrite(sent.text) }) });
  });
}

/** Processes on one PostgreSQL, all their transactions on one pool of `connections`. */
export async function postgresGround(processes: number, connections: number, rewrite?: (text: string) => string): Promise<Ground> {
  const database = await createTestDatabase();
  const clock = createClock();
  // what is rewritten has to be sent one by one
  const pool = new pg.Pool({ connectionString: database.url, max: connections, pipeline: rewrite !== undefined } as pg.PoolConfig);
  // dropping the database ends connections that are just ending
  pool.on("error", () => undefined);
  if (rewrite) rewriting(pool, rewrite);
  let busiest = 0;
  pool.on("acquire", () => {
    busiest = Math.max(busiest, pool.totalCount - pool.idleCount);
  });
  const shared = { schema: "raced", notify: false, environment: clock.environment, now: clock.environment.now } as const;
  const open = (from: PgPool | undefined, lanes: number) =>
    createPostgresStore({ ...(from ? { pool: from } : { connectionString: database.url }), lanes, ...shared });
  const stores = Array.from({ length: processes }, () => open(pool as unknown as PgPool, processes > 2 ? 1 : 16));
  const observer = open(undefined, 1);
  await observer.migrate();
  const script = migrations.flatMap(({ script }) => tablesOf(script(postgresDialect))).map((table) => `DELETE FROM raced.${table}`);
  return {
    ...wire(stores, observer),
    pass: clock.pass,
    clear: async () => void (await database.query(script.join(";"))),
    busiest: () => busiest,
    deadlocks: async () => {
      const [row] = await database.query("SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()");
      return Number(row?.["n"]);
    },
    close: async () => {
      for (const store of [...stores, observer]) await store.close();
      await pool.end();
      await database.drop();
    },
  };
}

/** Processes on one SQLite file, a connection each; every race on a file of its own. */
export async function sqliteGround(processes: number): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), "races-"));
  const clock = createClock();
  const { environment } = clock;
  const prepare = (session: Session): Promise<void> => migrate(session, environment.now());
  const options = { path: join(folder, "runs.db"), synchronous: "OFF", threadFrom: 0, environment, prepare } as const;
  const open = () => createSqlStore(new SqliteDb(options), environment);
  const stores = Array.from({ length: processes }, open);
  const observer = open();
  return {
    ...wire(stores, observer),
    pass: clock.pass,
    clear: async () => undefined,
    busiest: () => null,
    deadlocks: async () => 0,
    close: async () => {
      for (const store of [...stores, observer]) await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
