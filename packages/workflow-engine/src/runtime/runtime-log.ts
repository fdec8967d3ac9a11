// The lines a runtime prints (seed 003), read off what its session does.
import type { WorkSession } from "../kernel/session.ts";
import type { Persistence } from "../ports/persistence.ts";

/** Prints one line. */
export type Print = (line: string) => void;

const jobsALine = 10;

/** Prints what a worker does, as it does it. */
export class RuntimeLog {
  readonly #print: Print;
  readonly #workerId: string;
  #jobs = 0;

  constructor(print: Print, workerId: string) {
    this.#print = (line) => print(`[Runtime] ${line}`);
    this.#workerId = workerId;
  }

  /** A worker begins. */
  starting(pollIntervalMs: number, jobPollIntervalMs: number): void {
    this.#print(`Starting worker ${this.#workerId}`);
    this.#print(`Poll interval: ${pollIntervalMs}ms, Job poll: ${jobPollIntervalMs}ms`);
  }

  /** A job has ended. */
  job(): void {
    this.#jobs += 1;
    if (this.#jobs % jobsALine === 0) this.#print(`Worker ${this.#workerId}: processed ${this.#jobs} jobs`);
  }

  /** The session, telling what it claims, executes and ends. */
  watch(session: WorkSession, persistence: Persistence): WorkSession {
    return {
      ...session,
      claim: async (max, slots) => {
        const work = await session.claim(max, slots);
        if (work.claimed > 0) this.#print(`Found ${work.claimed} pending workflows`);
        for (const runId of work.runIds) this.#print(`Started workflow ${runId}`);
        return work;
      },
      execute: (job, options) => {
        this.#print(`Processing stage ${job.stageId} for workflow ${job.runId}`);
        return session.execute(job, options);
      },
      onSignal: (listener) =>
        session.onSignal((signal) => {
          for (const runId of signal.ended ?? []) void this.#ended(runId, persistence);
          listener(signal);
        }),
    };
  }

  async #ended(runId: string, persistence: Persistence): Promise<void> {
    const status = await persistence.getRunStatus(runId).catch(() => null);
    if (status !== null) this.#print(`Workflow ${runId} ${status.toLowerCase()}`);
  }
}
