// Google's Gemini API (ai.google.dev/api/generate-content, /api/embeddings): what its SDK sends to /v1beta/models/{model}:{method}.
import {
  type ModelRequest,
  type PlannedAnswer,
  type ProviderProtocol,
  pieces,
  type ReceivedRequest,
  type Reply,
  requireField,
  requireKnown,
  sse,
  vectorOf,
} from "./protocol.ts";

type Json = Readonly<Record<string, unknown>>;

const route = /^\/v1beta\/models\/([^:/]+):(generateContent|streamGenerateContent|embedContent|batchEmbedContents)$/;
const fields = ["contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "safetySettings", "cachedContent", "labels"];

/** Google's protocol. */
export const googleProtocol: ProviderProtocol = {
  name: "google",
  parse: (request) => {
    const [, model, method] = route.exec(request.path) ?? [];
    if (model === undefined || method === undefined) return null;
    const body = authorized(request);
    return method.endsWith("enerateContent") ? parseContents(request, body, model, method) : parseEmbeddings(request, body, model, method);
  },
  reply: (request, answer) => (request.kind === "embed" ? embeddingReply(request, answer) : contentReply(request, answer)),
  refusal: (status, message) => ({ error: { code: status, message, status: status === 429 ? "RESOURCE_EXHAUSTED" : "INTERNAL" } }),
};

function authorized({ method, headers, body }: ReceivedRequest): Json {
  requireField(method === "POST", `method must be POST, got ${method}`);
  requireField((headers["x-goog-api-key"] ?? "") !== "", "x-goog-api-key is missing");
  requireField(body !== null, "body must be JSON");
  return body;
}

function parseContents(received: ReceivedRequest, body: Json, model: string, method: string): ModelRequest {
  requireKnown(body, fields, "generateContent");
  const isStream = method === "streamGenerateContent";
  if (isStream) requireField(received.query.get("alt") === "sse", "streamGenerateContent: alt must be sse");
  const { contents, generationConfig = {} } = body as { contents?: Json[]; generationConfig?: Json };
  requireField(Array.isArray(contents) && contents.length > 0, "generateContent: contents must be a list");
  const texts = contents.flatMap(({ role, parts }) => {
    requireField(role === "user" || role === "model", `contents: unknown role "${String(role)}"`);
    requireField(Array.isArray(parts) && parts.length > 0, "contents: parts must be a list");
    return (parts as Json[]).flatMap((part) => (typeof part["text"] === "string" ? [part["text"]] : []));
  });
  const schema = (generationConfig["responseSchema"] ?? generationConfig["responseJsonSchema"] ?? null) as Json | null;
  if (schema)
    requireField(generationConfig["responseMimeType"] === "application/json", "responseMimeType must be application/json with a schema");
  return {
    ...{ provider: "google", kind: "text", model, texts, prompt: texts.at(-1) ?? "", isStream, schema, received, dimensions: null },
    maxTokens: (generationConfig["maxOutputTokens"] as number | undefined) ?? null,
    temperature: (generationConfig["temperature"] as number | undefined) ?? null,
  };
}

function parseEmbeddings(received: ReceivedRequest, body: Json, model: string, method: string): ModelRequest {
  const requests = (method === "embedContent" ? [body] : body["requests"]) as Json[];
  requireField(Array.isArray(requests) && requests.length > 0, "batchEmbedContents: requests must be a list");
  const texts = requests.map((request) => {
    requireKnown(request, ["model", "content", "outputDimensionality", "taskType", "title"], method);
    requireField(request["model"] === `models/${model}`, `${method}: model must be models/${model}`);
    const [part] = (request["content"] as { parts?: Json[] } | undefined)?.parts ?? [];
    requireField(typeof part?.["text"] === "string", `${method}: content needs a part with a text`);
    return part["text"];
  });
  const dimensions = (requests[0]?.["outputDimensionality"] as number | undefined) ?? null;
  const none = { isStream: false, schema: null, maxTokens: null, temperature: null };
  return { provider: "google", kind: "embed", model, texts, prompt: texts.join("\n"), received, dimensions, ...none };
}

function contentReply({ model, isStream }: ModelRequest, answer: PlannedAnswer): Reply {
  const thoughts = answer.reasoningTokens ?? 0;
  const usageMetadata = {
    promptTokenCount: answer.inputTokens,
    candidatesTokenCount: answer.outputTokens - thoughts,
    thoughtsTokenCount: thoughts,
    cachedContentTokenCount: answer.cachedInputTokens ?? 0,
    totalTokenCount: answer.inputTokens + answer.outputTokens,
  };
  const head = { modelVersion: model, responseId: "resp-1" };
  const candidate = (parts: Json[], finishReason?: string): Json => ({
    content: { role: "model", parts },
    index: 0,
    ...(finishReason && { finishReason }),
  });
  const parts = answer.toolCalls?.map(({ name, args }) => ({ functionCall: { name, args } })) ?? [{ text: answer.text }];
  if (!isStream) return { status: 200, json: { candidates: [candidate(parts, "STOP")], usageMetadata, ...head } };
  const texts = pieces(answer.text);
  return {
    status: 200,
    events: texts.map((text, i) => {
      const isLast = i === texts.length - 1;
      return sse({ candidates: [candidate([{ text }], isLast ? "STOP" : undefined)], ...(isLast && { usageMetadata }), ...head });
    }),
  };
}

function embeddingReply({ texts, dimensions, received }: ModelRequest, { inputTokens }: PlannedAnswer): Reply {
  const vectors = texts.map((text) => ({ values: vectorOf(text, dimensions ?? 3_072) }));
  const usageMetadata = { promptTokenCount: inputTokens };
  const isSingle = received.path.endsWith(":embedContent");
  return { status: 200, json: isSingle ? { embedding: vectors[0], usageMetadata } : { embeddings: vectors, usageMetadata } };
}
