// Drives one run to where it cannot go on by itself: starts it, executes its stages side by side as they become due, waits out their
// retries. Others may work on the same run: every start and every result is fenced (P13).
import type { AnyWorkflow } from "../define/workflow.ts";
import { WorkflowEngineError } from "../errors.ts";
import type { WorkSession } from "../kernel/session.ts";
import type { Environment } from "../ports/environment.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { RunRecord } from "../ports/run.ts";
import type { StageRecord } from "../ports/stage.ts";

/** What a drive works with. */
export interface DriveParts {
  workflow: AnyWorkflow;
  runId: string;
  persistence: Persistence;
  session: WorkSession;
  environment: Environment;
  /** Config by stage id; the run's own when absent. */
  config: Record<string, unknown> | undefined;
}

/** Leases older than this whose process is silent are taken over. Milliseconds. */
const staleLeaseThresholdMs = 60_000;
/** Pause between two looks at a stage that another process executes. Milliseconds. */
const lookAgainMs = 100;

/** Drives a run; answers it as it then is: COMPLETED, FAILED, CANCELLED, or RUNNING with nothing but suspended stages. */
export async function driveRun(parts: DriveParts): Promise<RunRecord> {
  const letEnd = parts.environment.keepAlive?.() ?? ((): void => undefined);
  const driver = new RunDriver(parts);
  try {
    return await driver.drive();
  } finally {
    await driver.settled();
    letEnd();
  }
}

class RunDriver {
  readonly #parts: DriveParts;
  /** Executions under way here, by stage. */
  readonly #underWay = new Map<string, Promise<void>>();
  #error: unknown = null;

  constructor(parts: DriveParts) {
    this.#parts = parts;
  }

  async drive(): Promise<RunRecord> {
    const { session, runId } = this.#parts;
    for (;;) {
      if (this.#error) throw this.#error;
      const run = await this.#load();
      if (run.status === "PENDING" && (await session.begin(runId))) continue;
      if (run.status !== "PENDING" && run.status !== "RUNNING") return run;
      if (!(await this.#step())) return run;
    }
  }

  /** Waits until nothing of this drive runs any more. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  async #load(): Promise<RunRecord> {
    const { persistence, runId } = this.#parts;
    const run = await persistence.getRun(runId);
    if (!run) throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${runId} not found`);
    return run;
  }

  /** Does what can be done now and waits for the next change; false when only something outside can change anything. */
  async #step(): Promise<boolean> {
    const { persistence, runId, environment, session } = this.#parts;
    const stages = await persistence.getStagesByRun(runId);
    const now = environment.now();
    const waiting = stages.filter((stage) => stage.status === "PENDING" && !this.#underWay.has(stage.stageId));
    const dueAt = (stage: StageRecord): number => stage.nextPollAt?.getTime() ?? 0;
    for (const stage of waiting) if (dueAt(stage) <= now) this.#execute(stage.stageId);
    const later = waiting.map(dueAt).filter((at) => at > now);
    const isElsewhere = stages.some(({ status, stageId }) => status === "RUNNING" && !this.#underWay.has(stageId));
    const isWaiting = later.length > 0 || this.#underWay.size > 0 || isElsewhere;
    if (!isWaiting && stages.some(({ status }) => status === "SUSPENDED")) return false;
    const wakeAt = Math.min(...later, isElsewhere || !isWaiting ? now + lookAgainMs : Number.POSITIVE_INFINITY);
    await this.#change(wakeAt - now);
    // a lease whose process is silent, or a group that ended and that nobody followed up: nobody else may be there to see to it
    if (this.#underWay.size === 0 && isElsewhere) await session.reapStale(staleLeaseThresholdMs);
    if (!isWaiting) await session.repair(0);
    return true;
  }

  #execute(stageId: string): void {
    const { session, runId, workflow, config } = this.#parts;
    const command = { type: "job.execute", workflowRunId: runId, workflowId: workflow.id, stageId, config, retry: "engine" } as const;
    const execution = session
      .deliver(command, { staleLeaseThresholdMs })
      .then(() => undefined)
      .catch((error: unknown) => {
        this.#error ??= error;
      })
      .finally(() => this.#underWay.delete(stageId));
    this.#underWay.set(stageId, execution);
  }

  /** Resolves when something that runs here has ended, or after `ms`. */
  async #change(ms: number): Promise<void> {
    let cancel = (): void => undefined;
    const timer = new Promise<void>((resolve) => {
      if (Number.isFinite(ms)) cancel = this.#parts.environment.setTimer(Math.max(0, ms), resolve);
    });
    await Promise.race([timer, ...this.#underWay.values()]);
    cancel();
  }
}
