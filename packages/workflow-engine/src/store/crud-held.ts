// What this process executes: leases it wrote, and the jobs of the foreign queue they came from. In memory only; what a crash forgets is
// stale after a while, here and in the queue.
import type { JobFence, JobTransport } from "../ports/job-transport.ts";
import type { Changes, Decide, ExecutionRef, Instance, StageState, Unit } from "../ports/store.ts";
import type { StageStep } from "./crud-changes.ts";

/** A job of the queue as it was leased. */
export interface LeasedJob {
  jobId: string;
  attempt: number;
}

interface Entry {
  ref: ExecutionRef;
  instanceId: string;
  job: LeasedJob | null;
}

/** Executions this process holds. */
export class HeldExecutions {
  readonly #transport: JobTransport;
  readonly #entries = new Map<string, Entry>();

  constructor(transport: JobTransport) {
    this.#transport = transport;
  }

  /** Takes note of leases that began, and answers the jobs of those that ended. */
  observe(steps: readonly StageStep[]): LeasedJob[] {
    const ended: LeasedJob[] = [];
    for (const { before, after } of steps) {
      if (before && !isLeased(after, before.executionId)) {
        const job = this.#entries.get(before.executionId)?.job;
        if (job) ended.push(job);
        this.#entries.delete(before.executionId);
      }
      if (after?.lease && isLeased(after, after.executionId)) this.#note(after, after.lease.instanceId);
    }
    return ended;
  }

  /** Remembers which job of the queue an execution came from. */
  bind(executionId: string, job: LeasedJob): void {
    const entry = this.#entries.get(executionId);
    if (entry) entry.job = job;
  }

  /** What an instance holds. */
  of(instanceId: string): Array<{ ref: ExecutionRef; job: LeasedJob | null }> {
    return [...this.#entries.values()].filter((entry) => entry.instanceId === instanceId);
  }

  /** Tells the queue that these jobs are still being worked on. */
  async beat(jobs: readonly LeasedJob[]): Promise<void> {
    await Promise.all(jobs.map((job) => this.#transport.heartbeat?.(job.jobId).catch(() => undefined)));
  }

  /** Tells the queue that these jobs are over; one that it does not hear of it redelivers to no effect. */
  async complete(jobs: readonly LeasedJob[]): Promise<void> {
    const fenceOf = ({ attempt }: LeasedJob): JobFence => ({ attempt });
    await Promise.all(jobs.map((job) => this.#transport.complete(job.jobId, fenceOf(job)).catch(() => undefined)));
  }

  #note({ runId, stageId, item, executionId }: StageState, instanceId: string): void {
    const job = this.#entries.get(executionId)?.job ?? null;
    this.#entries.set(executionId, { ref: { runId, stageId, item, executionId }, instanceId, job });
  }
}

function isLeased(stage: StageState | null, executionId: string): boolean {
  return stage?.status === "RUNNING" && stage.executionId === executionId && stage.lease !== null;
}

/** Renews the leases of everything an instance holds, one unit a run; at instant 0 they are over. */
export async function renewLeases(
  held: HeldExecutions,
  instance: Instance,
  lockedAt: number,
  transact: (unit: Unit<null>) => Promise<null>,
): Promise<void> {
  const byRun = [...Map.groupBy(held.of(instance.id), ({ ref }) => ref.runId)];
  const renewals = byRun.map(async ([runId, entries]) => {
    const mine = new Set(entries.map(({ ref }) => ref.executionId));
    await transact({ runId, decide: renew(mine, lockedAt) });
    if (lockedAt > 0) await held.beat(entries.flatMap(({ job }) => job ?? []));
  });
  await Promise.all(renewals);
}

function renew(executionIds: ReadonlySet<string>, lockedAt: number): Decide<null> {
  return ({ stages }): Changes<null> => {
    if (!stages) return { result: null, need: "stages" };
    const mine = stages.filter((stage) => isLeased(stage, stage.executionId) && executionIds.has(stage.executionId));
    const set = (stage: StageState): Partial<StageState> => ({ lease: stage.lease && { ...stage.lease, lockedAt } });
    return { result: null, stages: mine.map((stage) => ({ stageId: stage.stageId, item: stage.item, set: set(stage) })) };
  };
}
