// The loops of a long-lived worker process: job loop and orchestration, kept alive, stopped by SIGTERM and SIGINT (P15). The Node host and
// the runtime facade are this.
import type { WorkSession } from "../kernel/session.ts";
import { type HostOptions, type ResolvedHostOptions, resolveHostOptions } from "./options.ts";
import { Orchestrator } from "./orchestrator.ts";
import { stopWithin } from "./stopping.ts";
import { Worker } from "./worker.ts";

/** Options of a long-lived host. */
export interface LoopingHostOptions extends HostOptions {
  /** Stops on SIGTERM and SIGINT, and then lets the process end; ends it when code that was handed back would keep it. Default true. */
  handleSignals?: boolean | undefined;
  /** Told of each job that has ended. */
  onJob?: ((outcome: string) => void) | undefined;
  /** Sees every session before it is used, e.g. to log what it does. */
  wrapSession?: ((session: WorkSession) => WorkSession) | undefined;
}

/** What a host has done so far. */
export interface HostStats {
  workerId: string;
  jobsProcessed: number;
  orchestrationTicks: number;
  isRunning: boolean;
  uptimeMs: number;
}

interface Running {
  worker: Worker;
  orchestrator: Orchestrator;
  letEnd: () => void;
  cancelPoll: () => void;
}

const signals = ["SIGTERM", "SIGINT"] as const;

/** A worker process's loops; nothing runs before `start()`. */
export class LoopingHost {
  readonly #given: LoopingHostOptions;
  readonly #options: ResolvedHostOptions;
  #running: Running | null = null;
  #stopping: Promise<void> | null = null;
  #jobsProcessed = 0;
  #ticks = 0;
  #startedAt = 0;
  #hasAbandoned = false;
  readonly #onSignal = (): void => void this.#stopOnSignal();

  constructor(options: LoopingHostOptions) {
    this.#given = options;
    const onError = options.onError ?? ((error: unknown) => console.error(`[${options.workerId}]`, error));
    this.#options = resolveHostOptions({ ...options, onError });
  }

  /** Starts the loops and registers the signal handlers. Starting a running host does nothing. */
  async start(): Promise<void> {
    await this.#stopping; // what is on its way out is no running host
    if (this.#running) return;
    const { environment, openSession } = this.#given.kernel.work;
    const opened = openSession({ workerId: this.#options.workerId });
    const session = this.#given.wrapSession?.(opened) ?? opened;
    const worker = new Worker(session, environment, { ...this.#options, onJob: (outcome) => this.#onJob(outcome) });
    const orchestrator = new Orchestrator(session, environment, this.#options, worker);
    this.#startedAt = environment.now();
    const letEnd = environment.keepAlive?.() ?? ((): void => undefined);
    const cancelPoll = session.isSignalled ? () => undefined : this.#pollQueue(worker);
    this.#running = { worker, orchestrator, letEnd, cancelPoll };
    if (this.#given.handleSignals ?? true) for (const signal of signals) process.on(signal, this.#onSignal);
    orchestrator.start();
    worker.start();
  }

  /** Takes no more work, waits for running stages up to shutdownTimeoutMs, hands back what is left. */
  stop(): Promise<void> {
    this.#stopping ??= this.#drain().finally(() => {
      this.#stopping = null;
    });
    return this.#stopping;
  }

  /** What it has done so far. */
  getStats(): HostStats {
    return {
      workerId: this.#options.workerId,
      jobsProcessed: this.#jobsProcessed,
      orchestrationTicks: this.#ticks + (this.#running?.orchestrator.stats.ticks ?? 0),
      isRunning: this.#running !== null,
      uptimeMs: this.#running ? this.#given.kernel.work.environment.now() - this.#startedAt : 0,
    };
  }

  /** What was handed back may go on for as long as it likes: nobody waits for its result, and the process must not either. */
  async #stopOnSignal(): Promise<void> {
    await this.stop();
    if (this.#hasAbandoned) process.exit();
  }

  #onJob(outcome: string): void {
    this.#jobsProcessed++;
    this.#given.onJob?.(outcome);
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
    running.letEnd();
    this.#ticks += orchestrator.stats.ticks;
    this.#running = null;
  }

  /** Waits for what runs, stages and polls, up to shutdownTimeoutMs; hands back what is left. */
  async #finish(worker: Worker, orchestrator: Orchestrator): Promise<void> {
    const { shutdownTimeoutMs } = this.#options;
    const polls = { stop: () => orchestrator.stopPolling(), abandon: (reason: unknown) => orchestrator.abandonPolls(reason) };
    const reason = (): Error => new Error(`The host is stopping and shutdownTimeoutMs (${shutdownTimeoutMs} ms) is over`);
    this.#hasAbandoned = await stopWithin(this.#given.kernel.work.environment, shutdownTimeoutMs, [polls, worker], reason);
  }

  async #quietly(part: () => Promise<unknown>): Promise<void> {
    try {
      await part();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** A store that signals nothing is asked again every jobPollIntervalMs. */
  #pollQueue(worker: Worker): () => void {
    const { environment } = this.#given.kernel.work;
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
