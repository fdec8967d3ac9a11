// The provider that runs a model's batches: the one named, or the first that takes the model.
import { WorkflowEngineError } from "../../errors.ts";
import { type BatchProviderName, getBestProviderForModel } from "../../models/batch-models.ts";
import { AnthropicBatchProvider } from "./anthropic-batch-provider.ts";
import type { BatchLogger } from "./batch-provider.ts";
import { ChunkedProvider } from "./chunked-provider.ts";
import { GoogleBatchProvider } from "./google-batch-provider.ts";
import { OpenAIBatchProvider } from "./openai-batch-provider.ts";

const classes = { openai: OpenAIBatchProvider, anthropic: AnthropicBatchProvider, google: GoogleBatchProvider };

/** A provider by name, or one of ours with its own key and address; the best one for the model when absent. Throws NOT_CONFIGURED. */
export function resolveBatchProvider(
  modelKey: string,
  wanted: BatchProviderName | ChunkedProvider | undefined,
  logger: BatchLogger | undefined,
): ChunkedProvider {
  if (wanted instanceof ChunkedProvider) return wanted;
  const name = wanted ?? getBestProviderForModel(modelKey);
  if (name !== undefined && Object.hasOwn(classes, name)) return new classes[name]({}, logger);
  throw new WorkflowEngineError(
    "NOT_CONFIGURED",
    name === undefined
      ? `No batch provider takes model "${modelKey}". Choose a model with supportsAsyncBatch.`
      : `There is no batch provider "${name}": openai, anthropic, google.`,
  );
}
