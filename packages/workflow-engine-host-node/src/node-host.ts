// The Node host: the shared loops, kept alive, stopped by SIGTERM and SIGINT (P15). Seeds 000 and 001 give its options and methods.
import { type HostOptions, Orchestrator, resolveHostOptions, Worker } from "@bratsos/workflow-engine/host";

/** Options of `createNodeHost`; every one but kernel and workerId has a default. */
export type NodeHostConfig = HostOptions & {
  /** Stops on SIGTERM and SIGINT, and then lets the process end. Default true. */
  handleSignals?: boolean | undefined;
};

/** What a host has done so far. */
export interface HostStats {
  workerId: string;
  jobsProcessed: number;
  orchestrationTicks: number;
  isRunning: boolean;
  uptimeMs: number;
}

/** A worker process's loops. */
export interface NodeHost {
  /** Starts the loops and registers the signal handlers. Starting a running host does nothing. */
  start(): Promise<void>;
  /** Takes no more work, waits for running stages up to shutdownTimeoutMs, hands back what is left. */
  stop(): Promise<void>;
  getStats(): HostStats;
}

const signals = ["SIGTERM", "SIGINT"] as const;
/** Keeps the process alive: the engine's own timers never do. */
const keepAliveMs = 2 ** 30;

/** Creates a host; nothing runs before `start()`. */
export function createNodeHost(config: NodeHostConfig): NodeHost {
  return new LoopingHost(config);
}

class LoopingHost implements NodeHost {
  readonly #config: NodeHostConfig;
  readonly #options: ReturnType<typeof resolveHostOptions>;
  #running: { worker: Worker; orchestrator: Orchestrator; keepAlive: NodeJS.Timeout; cancelPoll: () => void } | null = null;
  #stopping: Promise<void> | null = null;
  #jobsProcessed = 0;
  #ticks = 0;
  #startedAt = 0;
  readonly #onSignal = (): void => void this.stop();

  constructor(config: NodeHostConfig) {
    this.#config = config;
    const onError = config.onError ?? ((error: unknown) => console.error(`[${config.workerId}]`, error));
    this.#options = resolveHostOptions({ ...config, onError });
  }

  async start(): Promise<void> {
    await this.#stopping; // what is on its way out is no running host
    if (this.#running) return;
    const { environment, openSession } = this.#config.kernel.work;
    const session = openSession({ workerId: this.#options.workerId });
    const worker = new Worker(session, environment, { ...this.#options, onJob: () => void this.#jobsProcessed++ });
    const orchestrator = new Orchestrator(session, environment, this.#options, worker);
    this.#startedAt = environment.now();
    const keepAlive = setInterval(() => undefined, keepAliveMs);
    const cancelPoll = session.isSignalled ? () => undefined : this.#pollQueue(worker);
    this.#running = { worker, orchestrator, keepAlive, cancelPoll };
    if (this.#config.handleSignals ?? true) for (const signal of signals) process.on(signal, this.#onSignal);
    orchestrator.start();
    worker.start();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#drain().finally(() => {
      this.#stopping = null;
    });
    return this.#stopping;
  }

  getStats(): HostStats {
    const { environment } = this.#config.kernel.work;
    return {
      workerId: this.#options.workerId,
      jobsProcessed: this.#jobsProcessed,
      orchestrationTicks: this.#ticks + (this.#running?.orchestrator.stats.ticks ?? 0),
      isRunning: this.#running !== null,
      uptimeMs: this.#running ? environment.now() - this.#startedAt : 0,
    };
  }

  async #drain(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    const { worker, orchestrator } = running;
    for (const signal of signals) process.off(signal, this.#onSignal);
    running.cancelPoll();
    // a store out of reach must not keep a process from ending
    await this.#quietly(() => this.#finish(worker, orchestrator));
    await this.#quietly(() => orchestrator.stop());
    clearInterval(running.keepAlive);
    this.#ticks += orchestrator.stats.ticks;
    this.#running = null;
  }

  /** Waits for what runs, stages and polls, up to shutdownTimeoutMs; hands back what is left. */
  async #finish(worker: Worker, orchestrator: Orchestrator): Promise<void> {
    const { shutdownTimeoutMs } = this.#options;
    let cancelTimer = (): void => undefined;
    const isLate = new Promise<boolean>((resolve) => {
      cancelTimer = this.#config.kernel.work.environment.setTimer(shutdownTimeoutMs, () => resolve(true));
    });
    const hasEnded = Promise.all([worker.stop(), orchestrator.stopPolling()]).then(() => false);
    const wasLate = await Promise.race([hasEnded, isLate]).finally(() => cancelTimer());
    if (!wasLate) return;
    const reason = new Error(`The host is stopping and shutdownTimeoutMs (${shutdownTimeoutMs} ms) is over`);
    orchestrator.abandonPolls(reason);
    await worker.abandon(reason);
  }

  async #quietly(part: () => Promise<void>): Promise<void> {
    try {
      await part();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** A store that signals nothing is asked again every jobPollIntervalMs. */
  #pollQueue(worker: Worker): () => void {
    const { environment } = this.#config.kernel.work;
    let cancel = (): void => undefined;
    const again = (): void => {
      cancel = environment.setTimer(this.#options.jobPollIntervalMs, () => {
        worker.wake();
        again();
      });
    };
    again();
    return () => cancel();
  }
}
