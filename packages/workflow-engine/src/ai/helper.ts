// The AI helper: calls models through the AI SDK, every request on the ledger, retries and waits in the injected environment.
import type { z } from "zod";
import type { CompletionResult, SuspendedState } from "../define/outcome.ts";
import { realEnvironment } from "../environment.ts";
import { type BatchProviderName, calculateCost, DEFAULT_MODEL_KEY, getModel, getProviderModelId } from "../models/index.ts";
import { toDollars, toPicoDollars } from "../models/pico-price.ts";
import type { Environment } from "../ports/environment.ts";
import type { AICallLogger, AICallStats, AICallType, BudgetLimit, CallOrigin, CallUsage } from "../ports/ledger.ts";
import type { AIBatch } from "./batch/ai-batch-types.ts";
import type { BatchPlace } from "./batch/batch-desk.ts";
import { requireWaited } from "./batch/batch-state.ts";
import type { ChunkedProvider } from "./batch/chunked-provider.ts";
import { createAIBatch } from "./batch/create-ai-batch.ts";
import { resolveBatchProvider } from "./batch/resolve-batch-provider.ts";
import type { MeterContext } from "./call-meter.ts";
import { embed } from "./calls/embed.ts";
import { generateObject } from "./calls/generate-object.ts";
import { generateText } from "./calls/generate-text.ts";
import { streamText } from "./calls/stream-text.ts";
import type {
  AIHelper,
  CallOptions,
  EmbedOptions,
  EmbedResult,
  GenerateOptions,
  LogContext,
  ObjectResult,
  Prompt,
  ProviderResolver,
  RecordedCall,
  StreamInput,
  StreamResult,
  TextOptions,
  TextResult,
} from "./helper-types.ts";
import { ledgerOf } from "./logger-ledger.ts";
import type { PreparedCall } from "./prepared-call.ts";
import { resolveModel } from "./providers.ts";

/** What a stage's config says about its calls. */
export interface CallDefaults {
  model?: string | undefined;
  temperature?: number | undefined;
  maxTokens?: number | undefined;
  maxRetries?: number | undefined;
}

/** What binds a helper to its place: an execution, and the world it lives in. */
export interface HelperBinding {
  environment?: Environment | undefined;
  origin?: CallOrigin | undefined;
  defaults?: CallDefaults | undefined;
  stageBudget?: BudgetLimit | undefined;
  signal?: (() => AbortSignal) | undefined;
  place?: BatchPlace | undefined;
  takePlace?: MeterContext["takePlace"];
  onRefused?: MeterContext["onRefused"];
  onEnd?: MeterContext["onEnd"];
}

const nobody: CallOrigin = { runId: null, stageId: null, attempt: null, executionId: null };
const defaultRetries = 2;
const defaultTemperature = 0.7;

/**
 * Creates a helper that logs under `topic`, by custom `workflow.{runId}.stage.{stageId}`. Inside a stage `ctx.ai` is one, bound to its
 * run and execution already.
 */
export function createAIHelper(
  topic: string,
  aiCallLogger: AICallLogger,
  logContext?: LogContext,
  providerResolver?: ProviderResolver,
  binding: HelperBinding = {},
): AIHelper {
  return new LedgerHelper(topic, aiCallLogger, logContext, providerResolver, binding);
}

/** The helper behind `createAIHelper`. */
export class LedgerHelper implements AIHelper {
  readonly topic: string;
  readonly logger: AICallLogger;
  readonly logContext: LogContext | undefined;
  readonly binding: HelperBinding;
  readonly #resolver: ProviderResolver | undefined;

  constructor(
    topic: string,
    logger: AICallLogger,
    logContext: LogContext | undefined,
    resolver: ProviderResolver | undefined,
    binding: HelperBinding,
  ) {
    this.topic = topic;
    this.logger = logger;
    this.logContext = logContext;
    this.binding = binding;
    this.#resolver = resolver;
  }

  async generateText(modelKey: string | undefined, prompt: Prompt, options: TextOptions = {}): Promise<TextResult> {
    const call = this.prepare(modelKey, "text", options);
    return generateText(call, prompt, this.#withDefaults(call, options));
  }

  async generateObject<S extends z.ZodType>(
    modelKey: string | undefined,
    prompt: Prompt,
    schema: S,
    options: GenerateOptions = {},
  ): Promise<ObjectResult<z.output<S>>> {
    const call = this.prepare(modelKey, "object", options);
    return generateObject(call, prompt, schema, this.#withDefaults(call, options));
  }

  async embed(modelKey: string | undefined, text: string | readonly string[], options: EmbedOptions = {}): Promise<EmbedResult> {
    return embed(this.prepare(modelKey, "embed", options), text, options);
  }

  streamText(modelKey: string | undefined, input: StreamInput, options: TextOptions = {}): StreamResult {
    const call = this.prepare(modelKey, "stream", options);
    return streamText(call, input, this.#withDefaults(call, options));
  }

  batch(modelKey: string | undefined, provider?: BatchProviderName | ChunkedProvider): AIBatch {
    const { binding, topic, logger } = this;
    const { model, context, metered } = this.prepare(modelKey, "batch", {});
    const log = binding.place?.log ?? ((level, message, metadata) => void this.logContext?.createLog?.({ level, message, metadata }));
    const resolved = resolveBatchProvider(model.key, provider, { log });
    const { ledger, environment, origin, stageBudget, onRefused } = context;
    const usual = model.supportsTemperature === false ? undefined : binding.defaults?.temperature;
    return createAIBatch(
      {
        ...{ topic, model, logger, ledger, environment, origin, stageBudget, onRefused, onEnd: binding.onEnd, signal: metered.signal },
        ...{ modelId: getProviderModelId(model.key, resolved.name) ?? model.id, batches: resolved.batches, place: binding.place },
        defaults: { temperature: usual, maxTokens: binding.defaults?.maxTokens },
      },
      resolved,
    );
  }

  checkBatch(state: SuspendedState): Promise<CompletionResult<never>> {
    const { modelKey, provider } = requireWaited(state);
    return this.batch(modelKey, provider).check(state);
  }

  createChild(segment: string, id?: string): AIHelper {
    const topic = id === undefined ? `${this.topic}.${segment}` : `${this.topic}.${segment}.${id}`;
    return new LedgerHelper(topic, this.logger, this.logContext, this.#resolver, this.binding);
  }

  recordCall(call: RecordedCall): Promise<void>;
  recordCall(
    modelKey: string,
    prompt: string,
    response: string,
    tokens: { input: number; output: number },
    options?: { callType?: AICallType | undefined; metadata?: Record<string, unknown> | undefined },
  ): Promise<void>;
  recordCall(
    call: RecordedCall | string,
    prompt = "",
    response = "",
    tokens = { input: 0, output: 0 },
    options: { callType?: AICallType | undefined; metadata?: Record<string, unknown> | undefined } = {},
  ): Promise<void> {
    if (typeof call !== "string") return this.#record(call);
    return this.#record({ modelKey: call, prompt, response, inputTokens: tokens.input, outputTokens: tokens.output, ...options });
  }

  getStats(): Promise<AICallStats> {
    return this.logger.getStats(this.topic);
  }

  /** Prepares a call of the helper, for those who make calls of their own kind. */
  prepare(modelKey: string | undefined, callType: AICallType, { maxRetries, abortSignal }: CallOptions): PreparedCall {
    const { binding } = this;
    const key = modelKey ?? binding.defaults?.model ?? DEFAULT_MODEL_KEY;
    const model = { ...getModel(key), key };
    const used = { inputTokens: 0, outputTokens: 0, pico: 0n as bigint | null };
    const onEnd = (usage: CallUsage): void => {
      used.inputTokens += usage.inputTokens;
      used.outputTokens += usage.outputTokens;
      used.pico = used.pico === null || usage.costPico === null ? null : used.pico + usage.costPico;
      binding.onEnd?.(usage);
    };
    const signal = signalOf(binding.signal?.(), abortSignal);
    const retries = maxRetries ?? binding.defaults?.maxRetries ?? defaultRetries;
    return {
      model,
      metered: { topic: this.topic, callType, model, maxRetries: retries, signal },
      context: {
        ledger: ledgerOf(this.logger),
        environment: binding.environment ?? realEnvironment,
        origin: binding.origin ?? nobody,
        stageBudget: binding.stageBudget,
        takePlace: binding.takePlace,
        onRefused: binding.onRefused,
        onEnd,
      },
      resolve: async (kind, wanted) => (await this.#resolver?.(model, kind, wanted)) ?? resolveModel(model, kind, {}, wanted),
      usage: () => ({ inputTokens: used.inputTokens, outputTokens: used.outputTokens, cost: toDollars(used.pico) }),
    };
  }

  async #record({ modelKey, callType = "text", cost, inputTokens, outputTokens, ...call }: RecordedCall): Promise<void> {
    const { binding } = this;
    const model = getModel(modelKey);
    const costPico = toPicoDollars(cost ?? calculateCost(modelKey, inputTokens, outputTokens).totalCost);
    await ledgerOf(this.logger).record({
      ...{ topic: this.topic, callType, modelKey, modelId: model.id, price: null, ...(binding.origin ?? nobody) },
      ...call,
      usage: { inputTokens, outputTokens, costPico },
    });
  }

  #withDefaults<O extends GenerateOptions>({ model }: PreparedCall, options: O): O {
    const { temperature, maxTokens } = this.binding.defaults ?? {};
    const usual = model.supportsTemperature === false ? undefined : (temperature ?? defaultTemperature);
    return { ...options, temperature: options.temperature ?? usual, maxTokens: options.maxTokens ?? maxTokens };
  }
}

function signalOf(stage: AbortSignal | undefined, own: AbortSignal | undefined): AbortSignal | undefined {
  return stage && own ? AbortSignal.any([stage, own]) : (stage ?? own);
}
