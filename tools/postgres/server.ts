// Starts a PostgreSQL of one's own. A keeper process owns it, so that it ends with its owner whatever becomes of that.

import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import type { KeeperOptions } from "./keeper.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** A running server, on the loopback. */
export interface PostgresServer {
  /** Connection string of its first database, without a password. */
  readonly url: string;
  /** Process id of the server; another after `start`. */
  readonly pid: number;
  /** Ends it at once, as a crash does: what was committed stays, when the server is durable. */
  crash(): Promise<void>;
  /** Starts it again on the same port and rows, after `crash`. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** How to start a server. */
export interface PostgresServerOptions {
  /** True for PostgreSQL's own settings, as figures need them; else commits do not wait for the disk. */
  isDurable?: boolean;
  /** More settings, as `name=value`. */
  settings?: string[];
  /** Folder below whose node_modules the programs are; PROOF_POSTGRES_FROM or the repository unless given. */
  from?: string;
}

const QUICK = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum_naptime=10s"];

/** Starts a server in a temporary folder; it ends with this process if nobody stops it. */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const { isDurable = false, settings = [], from = process.env["PROOF_POSTGRES_FROM"] || ROOT } = options;
  const asked: KeeperOptions = { from, settings: [...(isDurable ? [] : QUICK), ...settings] };
  const script = path.join(import.meta.dirname, "keeper.ts");
  const keeper = spawn(process.execPath, [script, JSON.stringify(asked)], { stdio: ["pipe", "pipe", "inherit"] });
  const exit = new Promise<void>((resolve) => keeper.once("exit", () => resolve()));
  const lines = createInterface(keeper.stdout)[Symbol.asyncIterator]();
  const answer = async (): Promise<{ url: string; pid: number }> => {
    const { value } = await lines.next();
    const said = JSON.parse((value as string | undefined) ?? '{"error":"the keeper of the server has ended"}');
    if (said.error !== undefined) throw new Error(`No PostgreSQL: ${said.error}`);
    return said;
  };
  const tell = (command: string): Promise<{ url: string; pid: number }> => {
    keeper.stdin.write(`${command}\n`);
    return answer();
  };
  keeper.stdin.on("error", () => undefined);
  let { url, pid } = await answer();
  for (const handle of [keeper, keeper.stdin, keeper.stdout]) (handle as { unref?: () => void }).unref?.();
  return {
    url,
    get pid() {
      return pid;
    },
    crash: async () => void (await tell("crash")),
    start: async () => {
      ({ url, pid } = await tell("start"));
    },
    stop: async () => {
      keeper.ref();
      keeper.stdin.end();
      await exit;
    },
  };
}
