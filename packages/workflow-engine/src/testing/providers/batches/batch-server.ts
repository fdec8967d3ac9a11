// A local server for tests of batches: the batch protocols of OpenAI, Anthropic and Google over one desk, beside those for single calls.
import { type ProviderServer, type ProviderServerOptions, startProviderServer } from "../provider-server.ts";
import { anthropicBatches } from "./anthropic-batches.ts";
import { BatchDesk, type BatchDeskOptions, batchRoute } from "./batch-desk.ts";
import { googleBatches } from "./google-batches.ts";
import { openaiBatches } from "./openai-batches.ts";

/** A server with batches. */
export interface BatchServer extends ProviderServer {
  readonly desk: BatchDesk;
  /** Base URL by provider, as its official SDK takes it. */
  readonly batchURLs: Readonly<Record<"openai" | "anthropic" | "google", string>>;
}

/** Starts the server on loopback. */
export async function startBatchServer(options: BatchDeskOptions & ProviderServerOptions): Promise<BatchServer> {
  const desk = new BatchDesk(options);
  const route = batchRoute(
    desk,
    (request, at) => anthropicBatches(request, at) ?? googleBatches(request, at) ?? openaiBatches(request, at),
  );
  const server = await startProviderServer({ ...options, routes: [...(options.routes ?? []), route] });
  return { ...server, desk, batchURLs: { openai: `${server.url}/v1`, anthropic: server.url, google: server.url } };
}
