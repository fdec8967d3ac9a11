// What a batch needs of the helper it was asked of: the model, the provider, the ledger, and the place it runs in.
import type { StageLog, StageStorage } from "../../define/context.ts";
import type { SuspendedState } from "../../define/outcome.ts";
import type { ModelConfig } from "../../models/index.ts";
import type { Environment } from "../../ports/environment.ts";
import type { AICallLogger, BudgetLimit, CallOrigin, CallUsage, Ledger } from "../../ports/ledger.ts";
import type { BudgetExceededError } from "../budget-exceeded.ts";
import type { ProviderBatches } from "./provider-batches.ts";

/** The execution that a batch is to outlive. */
export interface BatchPlace {
  stageId: string;
  attempt: number;
  executionId: string;
  storage: StageStorage;
  resumeState: SuspendedState | undefined;
  log: StageLog;
  /** Asks the store, under the execution's fence, whether this execution still holds its stage. */
  isHeld(): Promise<boolean>;
}

/** A helper, as its batches see it. */
export interface BatchDesk {
  topic: string;
  model: ModelConfig & { key: string };
  /** The provider's own id of the model. */
  modelId: string;
  batches: ProviderBatches;
  ledger: Ledger;
  logger: AICallLogger;
  environment: Environment;
  origin: CallOrigin;
  stageBudget: BudgetLimit | undefined;
  defaults: { temperature?: number | undefined; maxTokens?: number | undefined };
  signal: AbortSignal | undefined;
  place: BatchPlace | undefined;
  onRefused?: ((error: BudgetExceededError) => void) | undefined;
  onEnd?: ((usage: CallUsage) => void) | undefined;
}
