// What a stage's code is handed (P8). Most stages look at little of it: signal, storage, ctx.ai and the like are made when looked at. They
// are properties of its own, not of its class, so that a context which is spread into another keeps them; their getters are the same
// functions for every context, or each would be an object of a shape of its own; and what they look at is no private field, which a proxy
// of a context or an object that inherits from it would not have.
import {
  type EnhancedStageContext,
  getStageOutput,
  type ProgressUpdate,
  requireStageOutput,
  type StageAI,
  type StageLog,
  type StageStorage,
  type UntypedContext,
} from "../../define/context.ts";
import type { SuspendedState } from "../../define/outcome.ts";
import { stageRecordId } from "../../store/record-ids.ts";
import { aiBindingOf, LazyAI } from "./stage-ai.ts";
import type { ExecutionServices, StageExecution } from "./stage-execution.ts";
import { createStageStorage } from "./stage-storage.ts";

/** Under which a context holds what is made when first looked at. */
const onSight = Symbol("made on sight");

/** What is made when first looked at, once. */
class MadeOnSight {
  readonly #services: ExecutionServices;
  readonly #execution: StageExecution;
  readonly #context: Pick<StageExecutionContext, "config" | "resumeState" | "log">;
  #storage: StageStorage | null = null;

  constructor(services: ExecutionServices, execution: StageExecution, context: StageExecutionContext) {
    this.#services = services;
    this.#execution = execution;
    this.#context = context;
  }

  get stageRecordId(): string {
    const { runId, stageId, item } = this.#execution.job;
    return stageRecordId(runId, stageId, item);
  }

  get signal(): AbortSignal {
    return this.#execution.abort.signal;
  }

  get storage(): StageStorage {
    const { plan, job, abort } = this.#execution;
    return (this.#storage ??= createStageStorage(this.#services.blobStore, plan.workflowId, job.runId, abort));
  }

  get ai(): StageAI {
    return (this.#execution.ai ??= this.#openAI()).ai;
  }

  #openAI(): LazyAI {
    const execution = this.#execution;
    const { config, resumeState, log } = this.#context;
    const place = { storage: this.storage, resumeState, log, isHeld: () => execution.teller.confirm() };
    return new LazyAI(this.#services.bindAI, () => aiBindingOf(execution.planned.stage, execution.job, config, execution.abort, place));
  }
}

/** The context of one execution. */
export class StageExecutionContext implements EnhancedStageContext {
  readonly workflowRunId: string;
  readonly stageId: string;
  readonly stageNumber: number;
  readonly stageName: string;
  declare readonly stageRecordId: string;
  readonly attempt: number;
  readonly executionId: string;
  readonly input: unknown;
  readonly config: unknown;
  readonly resumeState: SuspendedState | undefined;
  declare readonly signal: AbortSignal;
  declare readonly storage: StageStorage;
  declare readonly ai: StageAI;
  readonly workflowContext: UntypedContext;
  readonly log: StageLog;
  readonly onLog: StageLog;
  readonly onProgress: (update: ProgressUpdate) => void;
  readonly require: (stageId: string) => unknown;
  readonly optional: (stageId: string) => unknown;
  readonly [onSight]: MadeOnSight;

  constructor(services: ExecutionServices, execution: StageExecution, input: unknown, config: unknown, workflowContext: UntypedContext) {
    const { planned, job } = execution;
    const { stageId } = planned;
    const log: StageLog = (level, message, meta) => execution.teller.log(stageId, level, message, meta);
    this.workflowRunId = job.runId;
    this.stageId = stageId;
    this.stageNumber = planned.stageNumber;
    this.stageName = planned.stage.name;
    this.attempt = job.attempt;
    this.executionId = job.executionId;
    this.input = input;
    this.config = config;
    this.resumeState = job.resume === null ? undefined : (JSON.parse(job.resume) as SuspendedState);
    this.workflowContext = workflowContext;
    this.log = log;
    this.onLog = log;
    this.onProgress = (update) => execution.teller.progress(stageId, update);
    this.require = (id) => requireStageOutput(workflowContext, id);
    this.optional = (id) => getStageOutput(workflowContext, id);
    this[onSight] = new MadeOnSight(services, execution, this);
    Object.defineProperty(this, "stageRecordId", StageExecutionContext.#recordId);
    Object.defineProperty(this, "signal", StageExecutionContext.#signal);
    Object.defineProperty(this, "storage", StageExecutionContext.#lazyStorage);
    Object.defineProperty(this, "ai", StageExecutionContext.#lazyAI);
  }

  static readonly #recordId = lazily((context) => context.stageRecordId);
  static readonly #signal = lazily((context) => context.signal);
  static readonly #lazyStorage = lazily((context) => context.storage);
  static readonly #lazyAI = lazily((context) => context.ai);
}

function lazily(get: (made: MadeOnSight) => unknown): PropertyDescriptor & ThisType<StageExecutionContext> {
  return {
    enumerable: true,
    configurable: true,
    get(this: StageExecutionContext) {
      return get(this[onSight]);
    },
  };
}
