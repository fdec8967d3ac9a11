// The database of one measurement. Without DATABASE_URL it is a PostgreSQL of its own, freshly made, durable, on its stock settings;
// else, and in `npm test`, a database on the server named there, whose settings are whatever they are.
import { queriesOn } from "../../../tools/postgres/queries.ts";
import { startPostgres } from "../../../tools/postgres/server.ts";
import { BROKER, createTestDatabase } from "../../../tools/postgres/test-databases.ts";
import type { Usage } from "../engines/engine.ts";
import { openCounts, serverCpu } from "./server-usage.ts";

/** A database, and what its server has used. */
export interface MeasuredDatabase {
  readonly url: string;
  usage(): Promise<Usage>;
  /** Gives the planner its statistics, as autovacuum does within a minute: no measurement lasts that long. */
  analyse(): Promise<void>;
  /** Ends the server at once and starts it again; does nothing to a server that is not ours. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a database. Counting loads pg_stat_statements, which costs a little, so nothing is timed then. */
export async function openDatabase(isCounting: boolean): Promise<MeasuredDatabase> {
  const isShared = Boolean(process.env["DATABASE_URL"] ?? process.env[BROKER]);
  return isShared ? openShared(isCounting) : openOwn(isCounting);
}

async function openOwn(isCounting: boolean): Promise<MeasuredDatabase> {
  const settings = isCounting ? ["shared_preload_libraries=pg_stat_statements"] : [];
  const server = await startPostgres({ isDurable: true, settings });
  const counts = isCounting ? await openCounts(server.url) : null;
  return {
    url: server.url,
    analyse: async () => void (await queriesOn(server.url)("ANALYZE")),
    usage: async () => ({ ...serverCpu(server.pid), ...(await counts?.read()) }),
    restart: async () => {
      // the server's handle keeps no process alive
      const alive = setInterval(() => undefined, 1_000);
      await server.crash();
      await server.start();
      clearInterval(alive);
    },
    close: async () => {
      await counts?.close();
      await server.stop();
    },
  };
}

async function openShared(isCounting: boolean): Promise<MeasuredDatabase> {
  const database = await createTestDatabase();
  const counts = isCounting ? await openCounts(database.url) : null;
  return {
    url: database.url,
    analyse: async () => void (await database.query("ANALYZE")),
    usage: async () => ({ ...(await counts?.read()) }),
    restart: async () => undefined,
    close: async () => {
      await counts?.close();
      await database.drop();
    },
  };
}
