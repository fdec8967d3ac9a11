// One execution of a stage's user code, and what it needs of the kernel.
import type { PlannedStage, WorkflowPlan } from "../../define/plan.ts";
import type { BlobStore } from "../../ports/blob-store.ts";
import type { Environment } from "../../ports/environment.ts";
import type { Job } from "../../ports/store.ts";
import type { Abort } from "./abort.ts";
import type { PayloadLimits } from "./payloads.ts";
import type { LazyAI, StageAIFactory } from "./stage-ai.ts";
import type { Teller } from "./teller.ts";

/** What every execution needs of the kernel. */
export interface ExecutionServices {
  environment: Environment;
  blobStore: BlobStore;
  limits: PayloadLimits;
  /** Binds ctx.ai. */
  bindAI: StageAIFactory;
}

/** One execution to run. */
export interface StageExecution {
  plan: WorkflowPlan;
  planned: PlannedStage;
  job: Job;
  /** The whole config map, when the caller brings one; the run's own otherwise. */
  config?: Record<string, unknown> | undefined;
  abort: Abort;
  teller: Teller;
  /** Set once the stage's code has looked at ctx.ai. */
  ai?: LazyAI;
}
