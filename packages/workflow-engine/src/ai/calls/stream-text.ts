// Text as it comes. The call is on the ledger to its end, whether anybody reads the stream, asks for its usage, or neither.

import type { StreamInput, StreamResult, TextOptions, Usage } from "../helper-types.ts";
import { loadSdk } from "../load-sdk.ts";
import { meteredLanguageModel } from "../metered-models.ts";
import type { PreparedCall } from "../prepared-call.ts";
import { toolSettings } from "./generate-text.ts";
import { sdkPrompt, sdkSettings } from "./sdk-prompt.ts";

type Sdk = Awaited<ReturnType<typeof loadSdk>>;
type SdkStream = ReturnType<Sdk["streamText"]>;

/** Starts a stream; what goes wrong rejects whoever reads it or asks for its usage. */
export function streamText(call: PreparedCall, input: StreamInput, options: TextOptions): StreamResult {
  let thrown: unknown;
  const started = start(call, input, options, (error) => {
    thrown ??= error;
  });
  started.catch(() => undefined); // told to whoever reads
  const finished = started.then(async (result) => {
    await result.consumeStream({ onError: () => undefined });
    if (thrown !== undefined) throw thrown;
  });
  finished.catch(() => undefined);
  return {
    stream: { [Symbol.asyncIterator]: () => read(started, () => thrown) },
    getUsage: async (): Promise<Usage> => {
      await finished;
      return call.usage();
    },
    get rawResult() {
      return started;
    },
  };
}

async function start(call: PreparedCall, input: StreamInput, options: TextOptions, onError: (error: unknown) => void): Promise<SdkStream> {
  const sdk = await loadSdk();
  const model = await meteredLanguageModel(await call.resolve("language"), call.context, call.metered);
  const { system = options.system } = input;
  const prompt = "messages" in input ? { messages: input.messages } : sdkPrompt(input.prompt);
  return sdk.streamText({
    model,
    ...prompt,
    ...sdkSettings({ ...options, system }),
    ...toolSettings(options),
    maxRetries: 0,
    onError: ({ error }: { error: unknown }) => onError(error),
    ...(call.metered.signal && { abortSignal: call.metered.signal }),
  } as unknown as Parameters<typeof sdk.streamText>[0]);
}

async function* read(started: Promise<SdkStream>, thrownBy: () => unknown): AsyncGenerator<string> {
  const result = await started;
  yield* result.textStream;
  const thrown = thrownBy();
  if (thrown !== undefined) throw thrown;
}
