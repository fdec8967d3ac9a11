// The worker processes of the soak: one that lives throughout, to see what it holds after a while, and others that are killed.
import type { ChildProcess } from "node:child_process";
import type { StoreName } from "../stores.ts";
import { endProcess, startWorker, type WorkerSettings } from "../workers.ts";

const paces = { staleLeaseThresholdMs: 2_000, heartbeatMs: 500, orchestrationIntervalMs: 500, concurrency: 20 } as const;

/** The worker processes of one soak. */
export class SoakWorkers {
  readonly #settings: WorkerSettings;
  readonly #mortals: ChildProcess[] = [];
  #elder: ChildProcess | null = null;
  /** Processes killed with SIGKILL, and those asked to stop with SIGTERM. */
  killed = 0;
  stopped = 0;

  constructor(store: StoreName, place: string) {
    this.#settings = { store, place, ...paces };
  }

  /** Starts the elder and `count` others. */
  async start(count: number): Promise<void> {
    this.#elder = await this.#spawn(["--expose-gc"]);
    for (let i = 0; i < count; i++) this.#mortals.push(await this.#spawn([]));
  }

  /** Ends one worker, with SIGKILL or asked to stop, and starts another. */
  async replace(random: number, isAsked: boolean): Promise<void> {
    const [victim] = this.#mortals.splice(Math.floor(random * this.#mortals.length), 1);
    if (!victim) return;
    const ended = new Promise((resolve) => victim.once("exit", resolve));
    victim.kill(isAsked ? "SIGTERM" : "SIGKILL");
    if (isAsked) this.stopped++;
    else this.killed++;
    this.#mortals.push(await this.#spawn([]));
    await ended;
  }

  /** Bytes of heap that the elder holds after a collection. */
  async heapOfElder(): Promise<number> {
    const elder = this.#elder;
    if (!elder?.connected) throw new Error("The worker that is never killed has ended by itself");
    const answer = new Promise<number>((resolve) =>
      elder.once("message", (message) => resolve((message as { heapUsed: number }).heapUsed)),
    );
    elder.send("memory");
    return answer;
  }

  /** Ends every worker and waits for it. */
  async close(): Promise<void> {
    await Promise.all([this.#elder, ...this.#mortals].map((child) => child && endProcess(child)));
  }

  async #spawn(flags: string[]): Promise<ChildProcess> {
    const { child, ready } = startWorker(this.#settings, { flags });
    await ready;
    return child;
  }
}
