// Requests of the client: addresses, credentials, retries of what is safe to send twice, errors as ApiError.
import { errorOf } from "./api-error.ts";
import { type ClientEnvironment, clientEnvironment, pause } from "./client-environment.ts";

const FIRST_RETRY_MS = 200;
const RETRIED = new Set([429, 502, 503, 504]);

/** Where the API is, and how to reach it. */
export interface TransportOptions {
  /** Address of the API, e.g. `https://example.com/api`. In a browser a path of the page's own server will do. */
  baseUrl: string;
  /** Sent as `Authorization: Bearer`; a function is asked before each request. */
  token?: string | (() => string | Promise<string>) | undefined;
  /** Sent with each request. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Default: the runtime's own. */
  fetch?: typeof fetch | undefined;
  /** Tries after the first of a request that is safe to send twice, when the network or the server stumbles; default 3. */
  retries?: number | undefined;
  /** Default: the real one. */
  environment?: ClientEnvironment | undefined;
}

/** One request. */
export interface ApiRequest {
  method?: "GET" | "POST" | "DELETE";
  query?: Readonly<Record<string, string | number | undefined>> | undefined;
  body?: unknown;
  headers?: Readonly<Record<string, string>> | undefined;
  signal?: AbortSignal | undefined;
  /** True when sending it twice does what sending it once does; default for GET. */
  isSafe?: boolean;
}

/** Sends requests. */
export class Transport {
  readonly environment: ClientEnvironment;
  readonly #options: TransportOptions;
  readonly #baseUrl: string;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#baseUrl = options.baseUrl.replace(/\/+$/, "");
    this.environment = options.environment ?? clientEnvironment;
  }

  /** The answer as JSON; throws ApiError. */
  async json<T>(path: string, request: ApiRequest = {}): Promise<T> {
    const isSafe = request.isSafe ?? (request.method ?? "GET") === "GET";
    const tries = isSafe ? 1 + (this.#options.retries ?? 3) : 1;
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.send(path, request);
        if (response.ok) return (await response.json()) as T;
        if (attempt >= tries || !RETRIED.has(response.status)) throw new Refusal(await errorOf(response));
        await response.body?.cancel();
      } catch (error) {
        if (error instanceof Refusal) throw error.cause;
        if (attempt >= tries || request.signal?.aborted) throw error;
      }
      await pause(this.environment, FIRST_RETRY_MS * 2 ** (attempt - 1), request.signal);
    }
  }

  /** The response, whatever it is. */
  async send(path: string, { method = "GET", query = {}, body, headers, signal }: ApiRequest): Promise<Response> {
    const { token, fetch: send = fetch } = this.#options;
    const bearer = typeof token === "function" ? await token() : token;
    const asked = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
    const search = asked.length > 0 ? `?${new URLSearchParams(asked)}` : "";
    return send(`${this.#baseUrl}${path}${search}`, {
      method,
      headers: {
        ...this.#options.headers,
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  }
}

/** Carries an ApiError past the retries of what broke off. */
class Refusal extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}
