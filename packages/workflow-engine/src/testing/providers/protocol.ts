// What the protocol server and its providers share: a request as received, an answer as planned, and the bill. A provider file parses
// and checks a request field by field and says how its protocol would answer; the server adds delays, refusals and bad weather.

/** A request as it came in. */
export interface ReceivedRequest {
  method: string;
  /** Path without query. */
  path: string;
  query: URLSearchParams;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** Parsed JSON; null when there was none. */
  body: Readonly<Record<string, unknown>> | null;
  /** The body as it came, for what is not JSON. */
  rawBody: string;
}

/** What the model is to say. */
export interface PlannedAnswer {
  kind: "answer";
  text: string;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens?: number | undefined;
  reasoningTokens?: number | undefined;
  /** Asks for tools instead of answering. */
  toolCalls?: ReadonlyArray<{ id: string; name: string; args: unknown }> | undefined;
}

/** What the server does with a request; milliseconds of real time. */
export type Plan =
  | (PlannedAnswer & { delayMs?: number | undefined })
  /** Not billed. */
  | { kind: "refuse"; status: number; headers?: Record<string, string> | undefined; message?: string | undefined }
  /** Billed, with status 200 and a body that is cut off. */
  | { kind: "malformed"; inputTokens: number; outputTokens: number }
  /** Billed, and never answered: the connection is cut after `delayMs`. */
  | { kind: "drop"; inputTokens: number; outputTokens: number; delayMs?: number | undefined };

/** A call of a model as its provider's protocol told it. */
export interface ModelRequest {
  provider: string;
  /** What is asked for. */
  kind: "text" | "embed";
  model: string;
  /** The last text of the user, or the texts to embed. */
  prompt: string;
  texts: readonly string[];
  isStream: boolean;
  /** The JSON schema the answer must meet. */
  schema: Readonly<Record<string, unknown>> | null;
  maxTokens: number | null;
  temperature: number | null;
  dimensions: number | null;
  received: ReceivedRequest;
}

/** What a call was charged for. */
export interface BilledCall {
  provider: string;
  model: string;
  prompt: string;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  /** False when its answer never reached the client whole. */
  isAnswered: boolean;
}

/** A reply over HTTP: JSON, or server-sent events. */
export type Reply =
  | { status: number; headers?: Record<string, string> | undefined; json: unknown }
  | { status: number; headers?: Record<string, string> | undefined; events: readonly string[] }
  | { status: number; headers?: Record<string, string> | undefined; text: string };

/** One provider's protocol for calls of models. */
export interface ProviderProtocol {
  readonly name: string;
  /** The call a request is, null when it is not one of this protocol; throws ProtocolViolation. */
  parse(request: ReceivedRequest): ModelRequest | null;
  /** The protocol's reply to a call. */
  reply(request: ModelRequest, answer: PlannedAnswer): Reply;
  /** The protocol's way to refuse. */
  refusal(status: number, message: string): unknown;
}

/** Answers what is not a call of a model, e.g. batches and files; null leaves the request to the others. */
export type ExtraRoute = (request: ReceivedRequest) => Promise<Reply | null> | Reply | null;

/** A request that the provider's documentation does not allow. */
export class ProtocolViolation extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProtocolViolation";
  }
}

/** Checks a field; throws ProtocolViolation. */
export function requireField(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new ProtocolViolation(what);
}

/** Checks that a body has no field that the protocol does not document. */
export function requireKnown(body: Readonly<Record<string, unknown>>, known: readonly string[], where: string): void {
  for (const field of Object.keys(body)) requireField(known.includes(field), `${where}: unknown field "${field}"`);
}

/** A vector that depends on its text alone. */
export function vectorOf(text: string, dimensions: number): number[] {
  let seed = 2_166_136_261;
  for (const char of text) seed = Math.imul(seed ^ char.codePointAt(0)!, 16_777_619) >>> 0;
  return Array.from({ length: dimensions }, (_, i) => ((Math.imul(seed, i + 1) >>> 0) % 2_000) / 1_000 - 1);
}

/** An object that a JSON schema allows, for scripts that do not care. */
export function exampleOf(schema: Readonly<Record<string, unknown>>): unknown {
  const { type, properties, items, enum: options, minItems = 0 } = schema as { type?: string; minItems?: number } & Record<string, unknown>;
  if (Array.isArray(options)) return options[0];
  if (type === "object") {
    const fields = Object.entries((properties ?? {}) as Record<string, Record<string, unknown>>);
    return Object.fromEntries(fields.map(([name, field]) => [name, exampleOf(field)]));
  }
  if (type === "array") return Array.from({ length: minItems }, () => exampleOf((items ?? {}) as Record<string, unknown>));
  return type === "number" || type === "integer" ? 1 : type === "boolean" ? true : "text";
}

/** One server-sent event. */
export function sse(data: unknown, event?: string): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return `${event === undefined ? "" : `event: ${event}\n`}data: ${text}\n\n`;
}

/** A text in pieces, as streams bring it. */
export function pieces(text: string, count = 3): string[] {
  const size = Math.max(1, Math.ceil(text.length / count));
  return text === "" ? [""] : (text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? [text]);
}
