// A native store whose jobs are announced to a queue that calls functions: the rows stay the truth, and a message is the word that one of
// them is due. Sent after the commit; one that was lost, or that the queue gave up, is sent again by the tick (P4, P17).
import type { Environment } from "../ports/environment.ts";
import type { EnqueueJobInput } from "../ports/job.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { Changes, Decide, RunState, RunStore, Snapshot, StageState, Unit } from "../ports/store.ts";
import { jobIdOf } from "./record-ids.ts";

/** What `queuedStore` takes. */
export interface QueuedStoreOptions {
  store: RunStore;
  persistence: Persistence;
  transport: JobTransport;
  /** The transport's own, see there. Milliseconds. */
  resendAfterMs: number;
  environment: Environment;
}

const runsAtOnce = 16;
const sendTries = 3;
const pauseMs = 200;

/** The same store; every stage that comes to wait for a worker is announced to the transport. Nothing is handed over to who commits. */
export function queuedStore(options: QueuedStoreOptions): RunStore {
  const announcer = new Announcer(options);
  const { store } = options;
  const own: Partial<RunStore> & { handsOver: boolean } = {
    handsOver: false,
    transact: (unit) => announcer.transact(unit),
    claimRuns: (claim, decide) => announcer.claimRuns(claim, decide),
    listStranded: async (before, max) => {
      await announcer.resend();
      return store.listStranded(before, max);
    },
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name in own) return own[name as keyof typeof own];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

class Announcer {
  readonly #options: QueuedStoreOptions;

  constructor(options: QueuedStoreOptions) {
    this.#options = options;
  }

  async transact<R>(unit: Unit<R>): Promise<R> {
    const opened = new Map<string, EnqueueJobInput[]>();
    const result = await this.#options.store.transact({ ...unit, decide: noting(opened, unit.decide, unit.runId) });
    await this.#send([...opened.values()].flat());
    return result;
  }

  async claimRuns<R>(claim: Parameters<RunStore["claimRuns"]>[0], decide: Decide<R>): Promise<R[]> {
    const opened = new Map<string, EnqueueJobInput[]>();
    const claimed = await this.#options.store.claimRuns(claim, noting(opened, decide));
    await this.#send([...opened.values()].flat());
    return claimed;
  }

  /** Announces stages once more that nothing has moved for `resendAfterMs`, those included that wait for their caller. */
  async resend(): Promise<void> {
    const { persistence, resendAfterMs, environment } = this.#options;
    const before = environment.now() - resendAfterMs;
    const runs = await persistence.getRunsByStatus("RUNNING");
    for (let i = 0; i < runs.length; i += runsAtOnce) {
      const look = async ({ id }: { id: string }): Promise<void> => {
        const stages = await persistence.getStagesByRun(id, { status: "PENDING" });
        const unmoved = stages.filter(({ updatedAt, nextPollAt }) => Math.max(updatedAt.getTime(), nextPollAt?.getTime() ?? 0) <= before);
        for (const { stageId } of unmoved) await this.transact({ runId: id, stage: { stageId, item: 0 }, decide: queueAgain });
      };
      await Promise.all(runs.slice(i, i + runsAtOnce).map(look));
    }
  }

  /** The commit stands whatever becomes of the message: what could not be sent is sent by a later tick. */
  async #send(jobs: EnqueueJobInput[]): Promise<void> {
    const { transport, environment } = this.#options;
    if (jobs.length === 0) return;
    for (let tries = 1; tries <= sendTries; tries++) {
      try {
        await transport.enqueueParallel(jobs);
        return;
      } catch {
        if (tries < sendTries) await new Promise<void>((resolve) => environment.setTimer(pauseMs * tries, resolve));
      }
    }
  }
}

/** Notes what a decision queues; the last answer for a run is the one that was committed. */
function noting<R>(opened: Map<string, EnqueueJobInput[]>, decide: Decide<R>, runId?: string): Decide<R> {
  return (snapshot, now): Changes<R> => {
    const changes = decide(snapshot, now);
    const id = snapshot.run?.id ?? runId;
    if (id !== undefined) opened.set(id, changes.need ? [] : queuedBy(snapshot, changes));
    return changes;
  };
}

function queuedBy({ run, stage, stages = [] }: Snapshot, changes: Changes<unknown>): EnqueueJobInput[] {
  const status = changes.run?.status ?? run?.status;
  if (!run || status !== "RUNNING") return [];
  const changed = (changes.stages ?? []).flatMap(({ stageId, item, set }) => {
    const known = [...(stage ? [stage] : []), ...stages].find((each) => each.stageId === stageId && each.item === item);
    return known && set.readyAt !== undefined ? [{ ...known, ...definedOf(set) }] : [];
  });
  return [...(changes.open ?? []), ...changed].filter(isQueued).map((each) => jobOf(run, each));
}

function isQueued({ status, readyAt }: StageState): boolean {
  return status === "PENDING" && readyAt !== null;
}

function definedOf<T extends object>(set: T): T {
  return Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined)) as T;
}

function jobOf(run: RunState, stage: StageState): EnqueueJobInput {
  return {
    jobId: jobIdOf(stage),
    ...{ workflowRunId: run.id, workflowId: run.workflowId, stageId: stage.stageId, priority: run.priority },
    ...{ attempt: stage.attempt, maxAttempts: stage.maxAttempts, payload: { executionId: stage.executionId } },
    ...(stage.readyAt !== null && { scheduledFor: new Date(stage.readyAt) }),
  };
}

/** Queues a stage anew under the execution it waits for. */
const queueAgain: Decide<null> = ({ run, stage }, now) => {
  const isWaiting = stage?.status === "PENDING" && stage.lease === null && (stage.readyAt !== null || stage.waitReason === "caller");
  if (run?.status !== "RUNNING" || !isWaiting) return { result: null };
  return { result: null, stages: [{ stageId: stage.stageId, item: stage.item, set: { readyAt: now } }], run: {} };
};
