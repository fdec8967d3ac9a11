// A local HTTP server that speaks the providers' documented protocols, for tests of whatever calls models: requests are checked field by
// field, every call is billed, and refusals, lost answers and broken JSON come by plan. No SDK is replaced; only its base URL changes.
import type { IncomingMessage, ServerResponse } from "node:http";
import { realEnvironment } from "../../environment.ts";
import { anthropicProtocol } from "./anthropic.ts";
import { compatibleProtocol, openRouterProtocol } from "./chat-completions.ts";
import { googleProtocol } from "./google.ts";
import { openaiProtocol } from "./openai.ts";
import {
  type BilledCall,
  type ExtraRoute,
  exampleOf,
  type ModelRequest,
  type Plan,
  ProtocolViolation,
  type ProviderProtocol,
  type ReceivedRequest,
  type Reply,
} from "./protocol.ts";

/** What the server is told. */
export interface ProviderServerOptions {
  /** Plans the answer of a call; an echo when absent, or when it answers undefined. */
  plan?: ((request: ModelRequest) => Plan | undefined | Promise<Plan | undefined>) | undefined;
  /** Answer what is not a call of a model. */
  routes?: readonly ExtraRoute[] | undefined;
  protocols?: readonly ProviderProtocol[] | undefined;
  /** 0, which takes a free one, when absent. */
  port?: number | undefined;
}

/** The server. */
export interface ProviderServer {
  /** E.g. `http://127.0.0.1:41234`. */
  readonly url: string;
  /** Every request, in order. */
  readonly requests: readonly ReceivedRequest[];
  /** Every call that was charged for, answered or not. */
  readonly billed: readonly BilledCall[];
  /** Requests that the documentation does not allow: empty in a test that passes. */
  readonly violations: readonly string[];
  /** Base URL by provider, as its SDK takes it. */
  readonly baseURLs: Readonly<Record<"openai" | "anthropic" | "google" | "openrouter" | "compatible", string>>;
  /** Plans the answers from now on. */
  setPlan(plan: ProviderServerOptions["plan"]): void;
  close(): Promise<void>;
}

/** Plans an echo: tokens are a quarter of the characters, a schema is met by an example. */
export function echo({ prompt, schema }: ModelRequest): Extract<Plan, { kind: "answer" }> {
  const text = schema ? JSON.stringify(exampleOf(schema)) : `You said: ${prompt}`;
  return { kind: "answer", text, inputTokens: Math.ceil(prompt.length / 4), outputTokens: Math.ceil(text.length / 4) };
}

/** Starts the server on loopback. */
export async function startProviderServer(options: ProviderServerOptions = {}): Promise<ProviderServer> {
  const { createServer } = await import("node:http");
  const desk = new Desk(options);
  const server = createServer((request, response) => {
    void desk.serve(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  const { requests, billed, violations } = desk;
  return {
    ...{ url, requests, billed, violations },
    baseURLs: {
      openai: `${url}/v1`,
      anthropic: `${url}/v1`,
      google: `${url}/v1beta`,
      openrouter: `${url}/openrouter`,
      compatible: `${url}/compatible/v1`,
    },
    setPlan: (plan) => {
      desk.plan = plan;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

/** Takes requests, plans and bills them. */
class Desk {
  readonly requests: ReceivedRequest[] = [];
  readonly billed: BilledCall[] = [];
  readonly violations: string[] = [];
  plan: ProviderServerOptions["plan"];
  readonly #routes: readonly ExtraRoute[];
  readonly #protocols: readonly ProviderProtocol[];

  constructor({ plan, routes = [], protocols }: ProviderServerOptions) {
    this.plan = plan;
    this.#routes = routes;
    this.#protocols = protocols ?? [openaiProtocol, anthropicProtocol, googleProtocol, openRouterProtocol(), compatibleProtocol];
  }

  async serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = await receive(incoming);
    this.requests.push(received);
    for (const route of this.#routes) {
      const reply = await route(received);
      if (reply) return send(response, reply);
    }
    for (const protocol of this.#protocols) {
      const request = this.#parse(protocol, received, response);
      if (request === "refused") return;
      if (request) return this.#answer(protocol, request, response);
    }
    this.violations.push(`no provider answers ${received.method} ${received.path}`);
    send(response, { status: 404, json: { error: { message: "not found" } } });
  }

  #parse(protocol: ProviderProtocol, received: ReceivedRequest, response: ServerResponse): ModelRequest | null | "refused" {
    try {
      return protocol.parse(received);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.violations.push(`${protocol.name}: ${error.message}`);
      send(response, { status: 400, json: protocol.refusal(400, error.message) });
      return "refused";
    }
  }

  async #answer(protocol: ProviderProtocol, request: ModelRequest, response: ServerResponse): Promise<void> {
    const plan = (await this.plan?.(request)) ?? echo(request);
    if (plan.kind === "refuse") {
      const { status, headers, message = `refused with ${status}` } = plan;
      return send(response, { status, headers, json: protocol.refusal(status, message) });
    }
    const { inputTokens, outputTokens } = plan;
    const { provider, model, prompt } = request;
    const cachedInputTokens = (plan.kind === "answer" && plan.cachedInputTokens) || 0;
    const bill: BilledCall = { provider, model, prompt, inputTokens, outputTokens, cachedInputTokens, isAnswered: false };
    this.billed.push(bill);
    if ("delayMs" in plan && plan.delayMs !== undefined) await pause(plan.delayMs);
    if (plan.kind === "drop") return void response.destroy();
    if (plan.kind === "malformed") return send(response, { status: 200, text: '{"id": "cut o' });
    bill.isAnswered = !response.destroyed;
    send(response, protocol.reply(request, plan));
  }
}

/** Real time passes here, as on a network; the engine's clock is not concerned. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void realEnvironment.setTimer(ms, resolve));
}

async function receive(incoming: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
  const rawBody = Buffer.concat(chunks).toString("utf8");
  const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://localhost");
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  return {
    method: incoming.method ?? "GET",
    path: decodeURIComponent(pathname),
    query: searchParams,
    headers,
    body: jsonOf(rawBody),
    rawBody,
  };
}

function jsonOf(text: string): ReceivedRequest["body"] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function send(response: ServerResponse, reply: Reply): void {
  const type = "events" in reply ? "text/event-stream" : "application/json";
  response.writeHead(reply.status, { "content-type": type, ...reply.headers });
  if ("json" in reply) response.end(JSON.stringify(reply.json));
  else if ("text" in reply) response.end(reply.text);
  else {
    for (const event of reply.events) response.write(event);
    response.end();
  }
}
