// What a PostgreSQL server has used: its CPU from /proc, statements from pg_stat_statements, commits and bytes from its log. What a
// server does not offer (no Linux, no superuser, an extension that is not there) is left out.
import { readdirSync, readFileSync } from "node:fs";
import pg from "pg";
import type { Usage } from "../engines/engine.ts";

/** Microseconds of one tick of /proc (USER_HZ is 100 on every Linux that Node runs on). */
const tickUs = 10_000;

/** CPU of a server on this machine, its ended processes included. */
export function serverCpu(pid: number): Usage {
  if (process.platform !== "linux") return {};
  const own = readTicks(pid);
  let ticks = own === null ? 0 : own.used + own.usedByEnded;
  for (const name of readdirSync("/proc")) {
    const other = /^\d+$/.test(name) ? readTicks(Number(name)) : null;
    if (other?.parent === pid) ticks += other.used;
  }
  return { "PostgreSQL CPU us": ticks * tickUs };
}

/** Fields 4 and 14 to 17 of proc_pid_stat(5); null when the process is gone. */
function readTicks(pid: number): { parent: number; used: number; usedByEnded: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // the name before it may hold anything, brackets and blanks included
    const fields = text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [parent, user, system, endedUser, endedSystem] = [fields[1]!, fields[11]!, fields[12]!, fields[13]!, fields[14]!];
    return { parent, used: user + system, usedByEnded: endedUser + endedSystem };
  } catch {
    return null;
  }
}

/** Reads what one database has been asked, and what the server has written. */
export interface Counts {
  read(): Promise<Usage>;
  close(): Promise<void>;
}

/** Begins to count. */
export async function openCounts(url: string): Promise<Counts> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const value = async (text: string, values: unknown[] = []): Promise<string> => {
    return String(Object.values((await client.query<Record<string, unknown>>(text, values)).rows[0]!)[0]);
  };
  const has = async (extension: string) => client.query(`CREATE EXTENSION IF NOT EXISTS ${extension}`).then(isDone, isRefused);
  const loaded = await value("SHOW shared_preload_libraries");
  const isCountingStatements = loaded.includes("pg_stat_statements") && (await has("pg_stat_statements"));
  const isReadingLog = await has("pg_walinspect");
  let readUpTo = await value(flushed);
  let committed = 0;
  return {
    async read() {
      const usage: Record<string, number> = {};
      if (isCountingStatements) usage["statements"] = Number(await value(statements));
      if (isReadingLog) {
        const end = await value(flushed);
        // of an empty stretch it says that there is no record
        if (end !== readUpTo) committed += Number(await value(commits, [readUpTo, end]));
        readUpTo = end;
        usage["commits"] = committed;
      }
      usage["WAL bytes"] = Number(await value("SELECT pg_current_wal_insert_lsn() - '0/0'"));
      return usage;
    },
    close: () => client.end(),
  };
}

const isDone = (): boolean => true;
const isRefused = (): boolean => false;

const flushed = "SELECT pg_current_wal_flush_lsn()";

/** Of this database and of every kind, BEGIN and COMMIT included; not those that read the counts, each known by the function it calls. */
const statements = `SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
  WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND query !~ 'pg_current_wal_(flush|insert)_lsn|pg_get_wal_stats|pg_stat_statements'`;

/** Of transactions that wrote something, and are on disk: a server that lets commits run ahead of it tells of the last ones late. */
const commits = `SELECT coalesce(sum(count), 0) FROM pg_get_wal_stats($1, $2, true)
  WHERE "resource_manager/record_type" LIKE 'Transaction/COMMIT%'`;
