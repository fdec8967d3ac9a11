// Text, with tools and steps where asked for.

import type { Prompt, TextOptions, TextResult } from "../helper-types.ts";
import { loadSdk } from "../load-sdk.ts";
import { meteredLanguageModel } from "../metered-models.ts";
import type { PreparedCall } from "../prepared-call.ts";
import { sdkPrompt, sdkSettings } from "./sdk-prompt.ts";

/** Generates a text; its usage is the sum over its steps and retries. */
export async function generateText(call: PreparedCall, prompt: Prompt, options: TextOptions): Promise<TextResult> {
  const sdk = await loadSdk();
  const model = await meteredLanguageModel(await call.resolve("language"), call.context, call.metered);
  const result = await sdk.generateText({
    model,
    ...sdkPrompt(prompt),
    ...sdkSettings(options),
    ...toolSettings(options),
    maxRetries: 0,
    ...(call.metered.signal && { abortSignal: call.metered.signal }),
  } as unknown as Parameters<typeof sdk.generateText>[0]);
  return {
    text: result.text,
    ...(result.reasoningText !== undefined && { reasoning: result.reasoningText }),
    ...(options.output !== undefined && { output: result.output }),
    ...call.usage(),
    rawResult: result,
  };
}

/** What only text takes, under the AI SDK's names. */
export function toolSettings({ tools, toolChoice, stopWhen, onStepFinish, output }: TextOptions): Record<string, unknown> {
  const settings = { tools, toolChoice, stopWhen, onStepFinish, output };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
