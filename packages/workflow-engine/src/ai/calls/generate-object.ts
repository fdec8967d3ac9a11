// A value that meets a schema, by the provider's own structured output; an answer that does not meet it is an error, never a half value.

import type { z } from "zod";
import { WorkflowEngineError } from "../../errors.ts";
import type { GenerateOptions, ObjectResult, Prompt } from "../helper-types.ts";
import { loadSdk } from "../load-sdk.ts";
import { meteredLanguageModel } from "../metered-models.ts";
import type { PreparedCall } from "../prepared-call.ts";
import { sdkPrompt, sdkSettings } from "./sdk-prompt.ts";

/** Generates a value of a schema; AI_ANSWER_INVALID when the answer does not meet it. */
export async function generateObject<S extends z.ZodType>(
  call: PreparedCall,
  prompt: Prompt,
  schema: S,
  options: GenerateOptions,
): Promise<ObjectResult<z.output<S>>> {
  const sdk = await loadSdk();
  const model = await meteredLanguageModel(await call.resolve("language"), call.context, call.metered);
  try {
    const result = await sdk.generateText({
      model,
      ...sdkPrompt(prompt),
      ...sdkSettings(options),
      output: sdk.Output.object({ schema }),
      maxRetries: 0,
      ...(call.metered.signal && { abortSignal: call.metered.signal }),
    } as unknown as Parameters<typeof sdk.generateText>[0]);
    return { object: result.output as z.output<S>, ...call.usage() };
  } catch (error) {
    throw answerErrorOf(error, call) ?? error;
  }
}

function answerErrorOf(error: unknown, { model }: PreparedCall): WorkflowEngineError | null {
  const { name, text, cause } = (typeof error === "object" && error !== null ? error : {}) as {
    name?: unknown;
    text?: unknown;
    cause?: unknown;
  };
  if (name !== "AI_NoObjectGeneratedError" && name !== "AI_NoOutputGeneratedError") return null;
  const reason = cause instanceof Error ? cause.message : String(error);
  const shown = typeof text === "string" ? ` It answered: ${text.slice(0, 500)}` : "";
  return new WorkflowEngineError("AI_ANSWER_INVALID", `Model "${model.key}" gave no value of the schema: ${reason}${shown}`, {
    cause: error,
  });
}
