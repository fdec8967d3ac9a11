// Owns one PostgreSQL server for the process that started this one: makes it in a temporary folder, starts it on a free port of the
// loopback, and stops and removes it when told to, or when its parent is gone, however that ended: the pipe on stdin then closes.
// Commands are lines on stdin, answers are JSON lines on stdout.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { findBinaries, findServerUser, makeReachable } from "./binaries.ts";

/** What a keeper is asked for. */
export interface KeeperOptions {
  /** Folder below whose node_modules the programs are. */
  from: string;
  /** Settings, as `name=value`. */
  settings: string[];
}

const READY = "database system is ready to accept connections";

class Keeper {
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), "postgres-"));
  readonly #user = findServerUser();
  readonly #binaries: string;
  readonly #settings: string[];
  readonly #port: number;
  #server: ChildProcess | null = null;
  #log = "";

  constructor({ from, settings }: KeeperOptions, port: number) {
    this.#settings = settings;
    this.#port = port;
    chmodSync(this.#folder, 0o755);
    this.#binaries = makeReachable(findBinaries(from), this.#user, this.#folder);
    this.#init();
  }

  get #cluster(): string {
    return path.join(this.#folder, "cluster");
  }

  #init(): void {
    mkdirSync(this.#cluster, { mode: 0o700 });
    if (this.#user) chownSync(this.#cluster, this.#user.uid, this.#user.gid);
    const flags = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"];
    const made = spawnSync(this.#program("initdb"), [`--pgdata=${this.#cluster}`, ...flags], { ...this.#user, cwd: "/", encoding: "utf8" });
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}${made.error?.message ?? ""}`);
  }

  #program(name: string): string {
    return path.join(this.#binaries, "bin", name);
  }

  async start(): Promise<{ url: string; pid: number }> {
    const args = [
      "listen_addresses=127.0.0.1",
      "unix_socket_directories=",
      "max_connections=300",
      "logging_collector=off",
      ...this.#settings,
    ];
    const flags = ["-D", this.#cluster, "-p", String(this.#port), ...args.flatMap((setting) => ["-c", setting])];
    const server = spawn(this.#program("postgres"), flags, { ...this.#user, cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
    this.#server = server;
    this.#log = "";
    await new Promise<void>((resolve, reject) => {
      server.stderr!.setEncoding("utf8").on("data", (text: string) => {
        // what it says last tells why it ended
        this.#log = `${this.#log}${text}`.slice(-20_000);
        if (this.#log.includes(READY)) resolve();
      });
      server.once("error", reject);
      server.once("exit", (code) => reject(new Error(`postgres ended with ${code}: ${this.#log}`)));
    });
    return { url: `postgres://postgres@127.0.0.1:${this.#port}/postgres`, pid: server.pid! };
  }

  /** Stops the server: SIGINT ends connections and shuts down, SIGQUIT is a crash. */
  async stop(signal: "SIGINT" | "SIGQUIT"): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const exit = new Promise((resolve) => server.once("exit", resolve));
    server.kill(signal);
    await exit;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

async function run(options: KeeperOptions): Promise<void> {
  const answer = (value: object): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);
  const keeper = new Keeper(options, await freePort());
  try {
    answer(await keeper.start());
    for await (const command of createInterface(process.stdin)) {
      if (command === "start") answer(await keeper.start());
      else if (command === "crash") answer({ ended: await keeper.stop("SIGQUIT") });
      else break;
    }
  } finally {
    await keeper.stop("SIGINT");
    keeper.remove();
  }
}

if (import.meta.main) {
  // Ctrl-C reaches the whole group; this process ends when its parent does
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
  process.stdout.on("error", () => undefined);
  run(JSON.parse(process.argv[2] ?? "{}") as KeeperOptions).catch((error: unknown) => {
    process.stdout.write(`${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`);
    process.exitCode = 1;
  });
}
