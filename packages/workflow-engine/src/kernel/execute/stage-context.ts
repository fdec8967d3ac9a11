// What a stage's code is handed (P8). Most stages look at little of it: signal, storage and ctx.ai are made when first looked at. They
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
import type { Abort } from "./abort.ts";
import { aiBindingOf, LazyAI } from "./stage-ai.ts";
import type { ExecutionServices, StageExecution } from "./stage-execution.ts";
import { createStageStorage } from "./stage-storage.ts";

/** What a stage reads, parsed. */
export interface StageValues {
  input: unknown;
  config: unknown;
  workflowContext: UntypedContext;
}

/** Under which a context holds what is made when first looked at. */
const onSight = Symbol("made on sight");

/** What is made when first looked at, once. */
class MadeOnSight {
  readonly #abort: Abort;
  readonly #openStorage: () => StageStorage;
  readonly #openAI: () => LazyAI;
  #storage: StageStorage | null = null;
  #ai: LazyAI | null = null;

  constructor(abort: Abort, openStorage: () => StageStorage, openAI: () => LazyAI) {
    this.#abort = abort;
    this.#openStorage = openStorage;
    this.#openAI = openAI;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get storage(): StageStorage {
    return (this.#storage ??= this.#openStorage());
  }

  get ai(): StageAI {
    return (this.#ai ??= this.#openAI()).ai;
  }
}

/** The context of one execution. */
export class StageExecutionContext implements EnhancedStageContext {
  readonly workflowRunId: string;
  readonly stageId: string;
  readonly stageNumber: number;
  readonly stageName: string;
  readonly stageRecordId: string;
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

  constructor(services: ExecutionServices, execution: StageExecution, { input, config, workflowContext }: StageValues) {
    const { plan, planned, job, abort, teller } = execution;
    const { stageId, stage } = planned;
    const log: StageLog = (level, message, meta) => teller.log(stageId, level, message, meta);
    this.workflowRunId = job.runId;
    this.stageId = stageId;
    this.stageNumber = planned.stageNumber;
    this.stageName = stage.name;
    this.stageRecordId = stageRecordId(job.runId, stageId, job.item);
    this.attempt = job.attempt;
    this.executionId = job.executionId;
    this.input = input;
    this.config = config;
    this.resumeState = job.resume === null ? undefined : (JSON.parse(job.resume) as SuspendedState);
    this.workflowContext = workflowContext;
    this.log = log;
    this.onLog = log;
    this.onProgress = (update) => teller.progress(stageId, update);
    this.require = (id) => requireStageOutput(workflowContext, id);
    this.optional = (id) => getStageOutput(workflowContext, id);
    const openStorage = () => createStageStorage(services.blobStore, plan.workflowId, job.runId, abort);
    const openAI = () => {
      const place = { storage: this.storage, resumeState: this.resumeState, log, isHeld: () => teller.confirm() };
      execution.ai = new LazyAI(services.bindAI, () => aiBindingOf(stage, job, config, abort, place));
      return execution.ai;
    };
    this[onSight] = new MadeOnSight(abort, openStorage, openAI);
    Object.defineProperty(this, "signal", StageExecutionContext.#signal);
    Object.defineProperty(this, "storage", StageExecutionContext.#lazyStorage);
    Object.defineProperty(this, "ai", StageExecutionContext.#lazyAI);
  }

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
