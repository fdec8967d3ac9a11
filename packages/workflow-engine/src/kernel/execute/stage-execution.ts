// One execution of a stage's user code, and what it needs of the kernel.
import type { PlannedStage, WorkflowPlan } from "../../define/plan.ts";
import type { BlobStore } from "../../ports/blob-store.ts";
import type { Environment } from "../../ports/environment.ts";
import type { ExecutionRef, Job, RunStore } from "../../ports/store.ts";
import { tell } from "../rules/tell.ts";
import type { Abort } from "./abort.ts";
import type { Awaitable } from "./awaitable.ts";
import type { PayloadLimits } from "./payloads.ts";
import type { LazyAI, StageAIFactory } from "./stage-ai.ts";
import { type Tell, Teller, type Untold } from "./teller.ts";

/** What every execution needs of the kernel. */
export interface ExecutionServices {
  environment: Environment;
  blobStore: BlobStore;
  limits: PayloadLimits;
  /** Binds ctx.ai. */
  bindAI: StageAIFactory;
}

/** Where an execution tells what its stage has to tell. */
interface Listener {
  store: Pick<RunStore, "transact">;
  environment: Environment;
}

const nothing: Untold = { logs: [], progress: [] };

/** One execution to run. */
export class StageExecution {
  readonly plan: WorkflowPlan;
  readonly planned: PlannedStage;
  readonly job: Job;
  /** The whole config map, when the caller brings one; the run's own otherwise. */
  readonly config: Record<string, unknown> | undefined;
  readonly abort: Abort;
  /** Set once the stage's code has looked at ctx.ai. */
  ai: LazyAI | null = null;
  readonly #listener: Listener;
  #teller: Teller | null = null;
  #hasEnded = false;

  constructor(listener: Listener, plan: WorkflowPlan, planned: PlannedStage, job: Job, abort: Abort, config?: Record<string, unknown>) {
    this.#listener = listener;
    this.plan = plan;
    this.planned = planned;
    this.job = job;
    this.abort = abort;
    this.config = config;
  }

  /** Takes what the stage tells; most tell nothing, so it is made when asked for. */
  get teller(): Teller {
    if (this.#teller) return this.#teller;
    const onLost = (): void => this.abort.abort(new Error("This execution has lost its stage"));
    this.#teller = new Teller(this.#listener.environment, tellOf(this.#listener.store, this.job), onLost);
    if (this.#hasEnded) void this.#teller.close();
    return this.#teller;
  }

  /** Ends telling; answers what has not been written. */
  close(): Awaitable<Untold> {
    this.#hasEnded = true;
    return this.#teller?.close() ?? nothing;
  }
}

/** Writes progress and logs under the execution's fence. */
export function tellOf(store: Pick<RunStore, "transact">, ref: ExecutionRef, from: "RUNNING" | "SUSPENDED" = "RUNNING"): Tell {
  return (logs, progress) => store.transact({ runId: ref.runId, stage: ref, decide: tell(ref, from, logs, progress) });
}
