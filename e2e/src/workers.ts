// Starts, kills, stops and continues real worker processes.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { StoreName } from "./stores.ts";

/** What a worker process is told; what is absent has the engine's defaults. */
export interface WorkerSettings {
  store: StoreName;
  /** A file, or a connection string. */
  place: string;
  staleLeaseThresholdMs?: number;
  heartbeatMs?: number;
  orchestrationIntervalMs?: number;
  concurrency?: number;
  /** Of a store on PostgreSQL. */
  answerTimeoutMs?: number;
}

/** How to start worker processes beside their settings. */
export interface WorkerStart {
  /** The program; worker-main unless given. */
  main?: string;
  /** Flags of Node. */
  flags?: string[];
  env?: Record<string, string>;
}

const workerMain = fileURLToPath(new URL("./worker-main.ts", import.meta.url));

/** Short leases, so that deaths are noticed within a second. */
export const shortLeases = { staleLeaseThresholdMs: 1_000, heartbeatMs: 200, orchestrationIntervalMs: 250 } as const;

/** Starts a worker process, and tells when its host runs. */
export function startWorker(settings: WorkerSettings, { main = workerMain, flags = [], env = {} }: WorkerStart = {}) {
  const child = spawn(process.execPath, [...flags, main, JSON.stringify(settings)], {
    env: { ...process.env, ...env, NODE_OPTIONS: "" },
    stdio: ["ignore", "ignore", process.env["E2E_VERBOSE"] ? "inherit" : "ignore", "ipc"],
  });
  const ready = new Promise<void>((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", (code) => reject(new Error(`worker ended with ${code} before it was ready`)));
  });
  return { child, ready };
}

/** Kills a process that may be stopped, by its own id, and waits for its end. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGCONT");
  child.kill("SIGKILL");
  await gone;
}

/** A set of worker processes; who dies without being asked to is started again. */
export class Workers {
  readonly #start: WorkerStart;
  readonly #children = new Map<ChildProcess, WorkerSettings>();
  readonly #atWork = new Set<ChildProcess>();
  #isClosed = false;
  /** Processes that died without being asked to. */
  unaskedDeaths = 0;
  /** Processes killed. */
  killed = 0;
  /** Processes stopped for a while. */
  frozen = 0;

  constructor(journal: string, start: WorkerStart = {}) {
    this.#start = { ...start, env: { ...start.env, E2E_JOURNAL: journal } };
  }

  /** Starts a worker and resolves when its host runs. */
  async start(settings: WorkerSettings): Promise<ChildProcess> {
    const { child, ready } = startWorker(settings, this.#start);
    this.#children.set(child, settings);
    child.on("exit", () => {
      const wasOurs = this.#children.delete(child);
      if (wasOurs && !this.#isClosed) {
        this.unaskedDeaths++;
        void this.start(settings).catch(() => undefined);
      }
    });
    await ready;
    this.#atWork.add(child);
    return child;
  }

  /** Kills one worker, any, with SIGKILL, and starts another like it; resolves when that one's host runs. */
  async replace(random: number): Promise<ChildProcess> {
    const [victim, settings] = this.#pick(random);
    this.#children.delete(victim);
    victim.kill("SIGKILL");
    this.killed++;
    return this.start(settings);
  }

  /** Stops one worker, any, for so many milliseconds. */
  freeze(random: number, ms: number): void {
    const [victim] = this.#pick(random);
    victim.kill("SIGSTOP");
    setTimeout(() => victim.kill("SIGCONT"), ms);
    this.frozen++;
  }

  #pick(random: number): [ChildProcess, WorkerSettings] {
    const all = [...this.#children];
    // who has not begun yet is no victim while there is another
    const begun = all.filter(([child]) => this.#atWork.has(child));
    const from = begun.length > 0 ? begun : all;
    const picked = from[Math.floor(random * from.length)];
    if (!picked) throw new Error("No worker is left");
    return picked;
  }

  /** Ends every worker, by its own process id, and waits for it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#children.keys()].map(endProcess));
  }
}
