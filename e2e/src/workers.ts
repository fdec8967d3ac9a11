// Starts, kills, stops and continues real worker processes.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { processesAtWork } from "./journal.ts";
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
  readonly #journal: string;
  readonly #start: WorkerStart;
  readonly #children = new Map<ChildProcess, WorkerSettings>();
  readonly #begun = new Set<ChildProcess>();
  readonly #stopped = new Set<ChildProcess>();
  #isClosed = false;
  /** Processes that died without being asked to. */
  unaskedDeaths = 0;
  /** Processes killed. */
  killed = 0;
  /** Processes stopped for a while. */
  frozen = 0;

  constructor(journal: string, start: WorkerStart = {}) {
    this.#journal = journal;
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
    this.#begun.add(child);
    return child;
  }

  /** Kills one worker, any, with SIGKILL, and starts another like it; resolves when that one's host runs. */
  async replace(random: number): Promise<ChildProcess> {
    const all = [...this.#children.keys()];
    // who has not begun yet is no victim while there is another
    const begun = all.filter((child) => this.#begun.has(child));
    return this.#replace(pickOf(begun.length > 0 ? begun : all, random));
  }

  /**
   * Kills a worker with SIGKILL and starts another like it. Answers whether a stage was under way in it, which its death then cost an
   * execution; false also when there is none of that kind, and nobody is killed.
   */
  async replaceAtWork(random: number): Promise<boolean> {
    const victim = this.#pickAtWork(random);
    if (!victim) return false;
    const gone = new Promise((resolve) => victim.once("exit", resolve));
    // the database may be away when the other starts
    void this.#replace(victim).catch(() => undefined);
    await gone;
    // it may have come to the end of its work just before its own
    return processesAtWork(this.#journal).has(victim.pid!);
  }

  /** Stops one worker for so many milliseconds, if there is one with a stage under way; answers whether there was. */
  freezeAtWork(random: number, ms: number): boolean {
    const victim = this.#pickAtWork(random);
    if (!victim) return false;
    victim.kill("SIGSTOP");
    this.#stopped.add(victim);
    setTimeout(() => {
      this.#stopped.delete(victim);
      victim.kill("SIGCONT");
    }, ms);
    this.frozen++;
    return true;
  }

  #replace(victim: ChildProcess): Promise<ChildProcess> {
    const settings = this.#children.get(victim)!;
    this.#children.delete(victim);
    victim.kill("SIGKILL");
    this.killed++;
    return this.start(settings);
  }

  #pickAtWork(random: number): ChildProcess | undefined {
    const atWork = processesAtWork(this.#journal);
    const all = [...this.#children.keys()].filter((child) => atWork.has(child.pid!) && !this.#stopped.has(child));
    return all.length > 0 ? pickOf(all, random) : undefined;
  }

  /** Ends every worker, by its own process id, and waits for it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#children.keys()].map(endProcess));
  }
}

function pickOf(all: readonly ChildProcess[], random: number): ChildProcess {
  const picked = all[Math.floor(random * all.length)];
  if (!picked) throw new Error("No worker is left");
  return picked;
}
