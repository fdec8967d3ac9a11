// Prompts of the helper as the AI SDK takes them.
import type { GenerateOptions, Prompt } from "../helper-types.ts";

/** A prompt's place in the AI SDK's options: text as it is, parts as one user message. */
export function sdkPrompt(prompt: Prompt): { prompt: string } | { messages: unknown[] } {
  if (typeof prompt === "string") return { prompt };
  const content = prompt.map((part) => ({ ...part }));
  return { messages: [{ role: "user", content }] };
}

/** Settings that every generating call takes, under the AI SDK's names; undefined ones left out. */
export function sdkSettings({ temperature, maxTokens, providerOptions, system }: GenerateOptions): Record<string, unknown> {
  const settings = { temperature, maxOutputTokens: maxTokens, providerOptions, system };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
