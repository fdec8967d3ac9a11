// The most tokens that a request can take, known before it is made. A token is at least one byte of UTF-8 in every byte-level
// tokenizer, so the bytes of everything sent bound the input; files are bounded by the model's context. The answer is bounded by the
// limit that the request itself carries, or the model's own.
import type { LanguageModelV4CallOptions, LanguageModelV4Prompt } from "@ai-sdk/provider";
import type { ModelConfig } from "../models/index.ts";
import type { RequestBounds } from "./call-meter.ts";

/** Bound of an answer whose request carries no limit and whose model's own is not known. */
export const unboundedAnswerTokens = 32_768;

/** Tokens that providers add around what is sent. */
const overheadTokens = 64;

/** What a request to a language model can take at most. */
export function languageBounds(params: LanguageModelV4CallOptions, model: ModelConfig): RequestBounds {
  const { prompt, tools, responseFormat, maxOutputTokens } = params;
  const sent = byteLength(JSON.stringify([withoutFiles(prompt), tools ?? null, responseFormat ?? null]) ?? "");
  const files = filesOf(prompt);
  const input =
    files.length === 0 ? sent + overheadTokens : sent + overheadTokens + files.reduce((sum, file) => sum + fileTokens(file, model), 0);
  return {
    prompt: promptText(prompt),
    inputTokens: Math.min(input, model.contextLength ?? Number.POSITIVE_INFINITY),
    outputTokens: (maxOutputTokens ?? model.maxCompletionTokens ?? unboundedAnswerTokens) + thinkingTokens(params),
  };
}

/** What a request to an embedding model can take at most. */
export function embeddingBounds(values: readonly string[]): RequestBounds {
  const inputTokens = values.reduce((sum, value) => sum + byteLength(value) + overheadTokens, 0);
  return { prompt: values.length === 1 ? values[0]! : JSON.stringify(values), inputTokens, outputTokens: 0 };
}

/** A prompt as the ledger keeps it: the text itself when it is one user's, else its messages, without the bytes of files. */
export function promptText(prompt: LanguageModelV4Prompt): string {
  const [only] = prompt;
  if (prompt.length === 1 && only?.role === "user" && only.content.every((part) => part.type === "text")) {
    return only.content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
  }
  return JSON.stringify(withoutFiles(prompt));
}

/** Anthropic's SDK adds the thinking budget to the limit that it sends. */
function thinkingTokens({ providerOptions }: LanguageModelV4CallOptions): number {
  const thinking = providerOptions?.["anthropic"]?.["thinking"];
  const budget = typeof thinking === "object" && thinking !== null && "budgetTokens" in thinking ? thinking.budgetTokens : 0;
  return typeof budget === "number" ? budget : 0;
}

interface FilePart {
  type: "file";
  data: unknown;
  mediaType?: string;
}

function filesOf(prompt: LanguageModelV4Prompt): FilePart[] {
  return prompt.flatMap(({ content }) => (typeof content === "string" ? [] : (content as Array<{ type: string }>).filter(isFile)));
}

function isFile(part: { type: string }): part is FilePart {
  return part.type === "file";
}

/** A file fills at most the context; without a known context its bytes are all there is to go by. */
function fileTokens({ data }: FilePart, model: ModelConfig): number {
  if (model.contextLength !== undefined) return model.contextLength;
  if (typeof data === "string") return data.length;
  return data instanceof Uint8Array ? data.length : byteLength(JSON.stringify(data) ?? "");
}

function withoutFiles(prompt: LanguageModelV4Prompt): unknown {
  return prompt.map((message) =>
    typeof message.content === "string"
      ? message
      : {
          ...message,
          content: (message.content as Array<{ type: string }>).map((part) =>
            isFile(part) ? { type: "file", mediaType: part.mediaType } : part,
          ),
        },
  );
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
