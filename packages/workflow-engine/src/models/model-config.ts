// What is known of a model: where it runs, what it can do, what a token costs. A price that nobody knows is NaN, never 0: what is
// computed from it is unknown too.

/** One model. Prices are US dollars per million tokens, NaN when not known. */
export interface ModelConfig {
  /** The provider's own id of the model. */
  id: string;
  name: string;
  inputCostPerMillion: number;
  outputCostPerMillion: number;
  /** "openai", "anthropic", "google", "openrouter", or a name that a provider resolver knows. */
  provider: string;
  description?: string | undefined;
  supportsAsyncBatch?: boolean | undefined;
  /** Percent off both prices in a batch; 0 when absent. */
  batchDiscountPercent?: number | undefined;
  isEmbeddingModel?: boolean | undefined;
  supportsTools?: boolean | undefined;
  supportsStructuredOutputs?: boolean | undefined;
  /** False for reasoning models that take no temperature: none is sent unless a call names one. */
  supportsTemperature?: boolean | undefined;
  /** Tokens of prompt and answer together. */
  contextLength?: number | undefined;
  /** Longest answer in tokens, reasoning included. */
  maxCompletionTokens?: number | undefined;
  /** Of input tokens read from the provider's cache; the input price when absent. */
  cachedInputCostPerMillion?: number | undefined;
  /** Of input tokens written to the provider's cache; the input price when absent. */
  cacheWriteCostPerMillion?: number | undefined;
  /** Prices of a whole request whose prompt is longer than this. */
  longPrompt?: LongPromptPrices | undefined;
  /** ISO date on which the prices were looked up. */
  pricesAsOf?: string | undefined;
  /** Of a provider compatible with OpenAI's protocol: where it listens, e.g. `http://localhost:11434/v1`. */
  baseURL?: string | undefined;
}

/** Prices of requests with long prompts, US dollars per million tokens. */
export interface LongPromptPrices {
  overTokens: number;
  inputCostPerMillion: number;
  outputCostPerMillion: number;
  cachedInputCostPerMillion?: number | undefined;
  cacheWriteCostPerMillion?: number | undefined;
}

/** A model under its key. */
export interface KeyedModel {
  key: string;
  config: ModelConfig;
}
