// Functions and a platform's queue: a message calls a function, is delivered again when nobody said that it was handled, and may come twice,
// late or never. What the engine promises of itself on such a platform (P4, P13, P14, P17).
import type { WorkSession } from "../../kernel/session.ts";
import type { EnqueueJobInput } from "../../ports/job.ts";
import type { JobTransport } from "../../ports/job-transport.ts";
import type { Choices } from "./choices.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** A message is delivered again after this long without a word. Milliseconds. */
const visibilityMs = 30_000;
const mostDeliveries = 20;
const tickMs = 5_000;
const resendAfterMs = 60_000;
const staleLeaseThresholdMs = 60_000;

/** A function that is up. */
interface FunctionProcess {
  process: SimulatedProcess;
  session: WorkSession;
}

/** What a queue needs of its world. */
export interface QueueWorld {
  readonly time: VirtualTime;
  readonly choices: Choices;
  tell(who: string, what: string, isFault?: boolean): void;
}

/** The queue of one history. */
export class PlatformQueue {
  readonly #world: QueueWorld;
  readonly #functions: FunctionProcess[] = [];
  #sent = 0;

  constructor(world: QueueWorld) {
    this.#world = world;
  }

  /** What a kernel sends its jobs through. */
  transport(): JobTransport {
    const enqueue = async (job: EnqueueJobInput): Promise<string> => {
      const place = `queue.message#${(this.#sent += 1)}`;
      this.#plan(job, place, 1, job.scheduledFor?.getTime() ?? 0);
      return job.jobId ?? place;
    };
    return {
      resendAfterMs,
      enqueue,
      enqueueParallel: (jobs) => Promise.all(jobs.map(enqueue)),
      dequeue: async () => null,
      complete: async () => undefined,
      suspend: async () => undefined,
      fail: async () => undefined,
      getSuspendedJobsReadyToPoll: async () => [],
      releaseStaleJobs: async () => 0,
    };
  }

  /** A function that may be called from now on. */
  open(process: SimulatedProcess, session: WorkSession): void {
    this.#functions.push({ process, session });
  }

  #plan(job: EnqueueJobInput, place: string, delivery: number, at: number): void {
    const { time, choices } = this.#world;
    const name = `${place}.${delivery}`;
    const mishap = choices.mishap(name, ["duplicate", "lost-wake-up"], 3);
    if (mishap === "not-told") {
      this.#world.tell("queue", `loses the message of ${job.stageId}`, true);
      return;
    }
    if (mishap === "twice") {
      this.#world.tell("queue", `delivers the message of ${job.stageId} twice`, true);
      time.at(Math.max(at, time.now) + choices.latency(`${name}+`) * 20, null, () => this.#deliver(job, `${name}+`, delivery));
    }
    time.at(Math.max(at, time.now) + choices.latency(name), null, () => this.#deliver(job, place, delivery));
  }

  #deliver(job: EnqueueJobInput, place: string, delivery: number): void {
    const { time, choices } = this.#world;
    const again = (ms: number): void => {
      if (delivery < mostDeliveries) this.#plan(job, place, delivery + 1, time.now + ms);
    };
    const up = this.#functions.filter(({ process }) => process.isAlive && process.pausedUntil <= time.now);
    const called = up[Math.floor(choices.stream(`${place}.${delivery}.to`)() * up.length)];
    if (!called) {
      again(1_000);
      return;
    }
    // whoever dies says nothing
    let isAnswered = false;
    time.at(time.now + visibilityMs + staleLeaseThresholdMs, null, () => {
      if (!isAnswered) again(0);
    });
    handle(called.session, job).then(
      (redeliverMs) => {
        isAnswered = true;
        if (redeliverMs !== null) again(redeliverMs);
      },
      () => {
        isAnswered = true;
        again(visibilityMs);
      },
    );
  }
}

/** Handles one message; answers when it should come again, null for never. */
async function handle(session: WorkSession, job: EnqueueJobInput): Promise<number | null> {
  const { jobId, workflowRunId, workflowId, stageId, attempt = 0, maxAttempts, payload = {} } = job;
  const { executionId } = payload as { executionId?: string };
  const command = {
    type: "job.execute",
    idempotencyKey: `job:${jobId}:attempt:${attempt + 1}`,
    ...{ workflowRunId, workflowId, stageId, jobId, executionId, attempt: attempt + 1, maxAttempts },
    retry: "caller",
  } as const;
  const { result, retryAfterMs } = await session.deliver(command, { staleLeaseThresholdMs });
  await session.flush(100).catch(() => 0);
  if (result.outcome !== "failed" || result.discarded || !(result.retryable ?? false)) return null;
  return retryAfterMs ?? visibilityMs;
}

/** The ticks that a platform's cron gives a function. */
export function startTicks(process: SimulatedProcess, session: WorkSession): () => Promise<void> {
  let isStopped = false;
  const tick = async (): Promise<void> => {
    const parts = [
      () => session.reapStale(staleLeaseThresholdMs),
      () => session.repair(5_000),
      () => session.claim(10, 0),
      () => session.pollSuspended(10),
      () => session.flush(100),
    ];
    for (const part of parts) await part().catch(() => undefined);
  };
  const loop = (): void => {
    if (!isStopped) void tick().finally(() => process.environment.setTimer(tickMs, loop));
  };
  loop();
  return async () => {
    isStopped = true;
  };
}
