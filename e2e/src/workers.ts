// Starts, kills, stops and continues real worker processes.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const workerMain = fileURLToPath(new URL("./worker-main.ts", import.meta.url));

/** A set of worker processes on one database file. */
export class Workers {
  readonly #path: string;
  readonly #journal: string;
  readonly #leaseMs: number;
  readonly #main: string;
  readonly #children = new Set<ChildProcess>();
  #isClosed = false;
  /** Processes that died without being asked to. */
  unaskedDeaths = 0;

  constructor(path: string, journal: string, leaseMs = 1_000, main = workerMain) {
    this.#path = path;
    this.#journal = journal;
    this.#leaseMs = leaseMs;
    this.#main = main;
  }

  /** Starts a worker and resolves when its host runs. */
  async start(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [this.#main, this.#path, String(this.#leaseMs)], {
      env: { ...process.env, E2E_JOURNAL: this.#journal, NODE_OPTIONS: "" },
      stdio: ["ignore", "ignore", process.env["E2E_VERBOSE"] ? "inherit" : "ignore", "ipc"],
    });
    this.#children.add(child);
    child.on("exit", () => {
      const wasOurs = this.#children.delete(child);
      if (wasOurs && !this.#isClosed) {
        this.unaskedDeaths++;
        void this.start().catch(() => undefined);
      }
    });
    await new Promise<void>((resolve, reject) => {
      child.once("message", () => resolve());
      child.once("exit", (code) => reject(new Error(`worker ended with ${code} before it was ready`)));
    });
    return child;
  }

  /** Kills one worker, any, with SIGKILL. */
  kill(random: number): void {
    const all = [...this.#children];
    const victim = all[Math.floor(random * all.length)];
    if (!victim) return;
    this.#children.delete(victim);
    victim.kill("SIGKILL");
  }

  /** Ends every worker, by its own process id, and waits for it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(
      [...this.#children].map((child) => {
        const gone = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGCONT");
        child.kill("SIGKILL");
        return gone;
      }),
    );
  }
}
