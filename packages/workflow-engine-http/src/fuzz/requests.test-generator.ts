// Requests made of the OpenAPI document and of nothing else: some fit it, most are bent somewhere. The same seed makes the same requests.

type Json = Record<string, unknown>;

interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  schema: Json;
}

interface Operation {
  method: string;
  path: string;
  parameters: Parameter[];
  body: Json | null;
  responses: Json;
}

/** A request, and the operation it is meant for. */
export interface MadeRequest {
  operation: Operation;
  url: string;
  init: RequestInit;
}

const INJECTIONS = [
  ...["'; DROP TABLE runs; --", "' OR '1'='1", '"; SELECT pg_sleep(9); --', "%' AND 1=0 UNION SELECT key FROM keys --", "\\'; --"],
  ...["<script>alert(1)</script>", "%{jndi:ldap://x}", "{{7*7}}", "../../../../etc/passwd", "..%2f..%2f", "file:///etc/passwd"],
  ...["\0", "a\0b", "\ud800", "\udfff x", "\u202e", "\ufeff", "\r\nSet-Cookie: x=1", "NaN", "Infinity", "-0", "1e400", "9007199254740993"],
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "null", "undefined", "true", "[object Object]", " ", "\t", "💥".repeat(50)],
  ...[
    "0_",
    "_",
    "1_1",
    "999999999999999_x",
    "0.0",
    "1.1",
    "9999999999.99",
    "2025-02-30T00:00:00Z",
    "0000-00-00T00:00:00Z",
    "+275760-09-13T00:00:00Z",
  ],
];
const VALUES: unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  0.5,
  1e308,
  -1e308,
  Number.MAX_SAFE_INTEGER,
  2 ** 53,
  2 ** 63,
  [],
  {},
  [[]],
  [null],
  "",
  ...INJECTIONS,
];

/** Makes requests of a document. `ids` are ids of runs that may be there. */
export class RequestMaker {
  readonly #operations: Operation[];
  readonly #schemas: Record<string, Json>;
  readonly #ids: readonly string[];
  #state: number;

  constructor(document: Json, seed: number, ids: readonly string[]) {
    this.#schemas = (document["components"] as { schemas: Record<string, Json> }).schemas;
    this.#operations = operationsOf(document);
    this.#ids = ids;
    this.#state = seed >>> 0;
  }

  make(): MadeRequest {
    const isStart = this.#chance(0.1);
    const operation = isStart
      ? this.#operations.find(({ method, path }) => method === "POST" && path === "/runs")!
      : this.#pick(this.#operations);
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(this.#pathValue(name).toWellFormed()));
    const query = new URLSearchParams();
    for (const { name, schema } of operation.parameters.filter((one) => one.in === "query")) {
      if (this.#chance(0.4)) query.append(name, text(this.#value(schema)).toWellFormed());
    }
    if (this.#chance(0.05)) query.append(text(this.#pick(VALUES)), "x");
    const headers = this.#headers(operation);
    const method = this.#chance(0.97) ? operation.method : this.#pick(["PUT", "PATCH", "OPTIONS", "HEAD", "DELETE"]);
    const body = operation.body && method === "POST" ? this.#body(operation.body, headers) : null;
    return {
      operation,
      url: `http://api.test${path}${query.size > 0 ? `?${query}` : ""}`,
      init: { method, headers, ...(body !== null && { body }) },
    };
  }

  #headers({ parameters }: Operation): Record<string, string> {
    const headers: Record<string, string> = {};
    for (const { name } of parameters.filter((one) => one.in === "header")) {
      if (!this.#chance(0.3)) continue;
      const value = this.#chance(0.5) ? String(this.#int(5)) : this.#text();
      // what fetch itself refuses never reaches a server
      headers[name] = value.replace(/[^\x20-\x7e\xa0-\xff]/g, "?").trim();
    }
    if (this.#chance(0.1)) headers["accept"] = this.#pick(["text/event-stream", "*/*", "application/xml", ""]);
    return headers;
  }

  #body(schema: Json, headers: Record<string, string>): string | Uint8Array<ArrayBuffer> {
    headers["content-type"] = this.#chance(0.95)
      ? "application/json"
      : this.#pick(["text/plain", "application/xml", "", "application/json; charset=utf-16"]);
    const kind = this.#next();
    if (kind < 0.02) return "x".repeat(300_000 + this.#int(100_000)); // the fuzzed API takes 256 KiB
    if (kind < 0.03)
      return `{"workflowId":"count-letters","input":{"words":[]},"metadata":{"deep":${"[".repeat(100_000)}${"]".repeat(100_000)}}}`;
    if (kind < 0.04) return new Uint8Array([0x7b, 0xff, 0xfe, 0x00, 0x7d]);
    const whole = JSON.stringify(this.#value(schema)) ?? "";
    if (kind < 0.08) return whole.slice(0, this.#int(whole.length + 1));
    return whole;
  }

  #pathValue(name: string): string {
    if (name === "runId" && this.#chance(0.7)) return this.#pick(this.#ids);
    if (name === "workflowId" && this.#chance(0.6)) return "count-letters";
    if (name === "key" && this.#chance(0.5)) return "a/b c";
    const value = this.#text();
    return value === "" || /^\.+$/.test(value) ? "x" : value;
  }

  /** A value of a schema, or something bent. */
  #value(given: Json, name = "", depth = 0): unknown {
    const schema = this.#resolve(given);
    if (this.#chance(0.06)) return this.#pick(VALUES);
    if (name === "workflowId") return this.#pick(["count-letters", "count-letters", "talker", "nobody"]);
    if (name === "fromStageId") return this.#pick(["join", "count", "nobody"]);
    if (name === "input") return this.#input();
    if (Array.isArray(schema["anyOf"])) return this.#value(this.#pick(schema["anyOf"] as Json[]), name, depth);
    if (Array.isArray(schema["enum"])) return this.#pick(schema["enum"]);
    switch (schema["type"]) {
      case "integer":
      case "number":
        return this.#number(schema);
      case "boolean":
        return this.#chance(0.5);
      case "string":
        return schema["format"] === "date-time" ? this.#pick(["2025-01-01T00:00:00Z", "2999-12-31T23:59:59.999+02:00"]) : this.#text();
      case "array":
        return Array.from({ length: this.#int(4) }, () => this.#value((schema["items"] ?? {}) as Json, "", depth + 1));
      case "object":
        return this.#object(schema, depth);
      default:
        return this.#pick(VALUES);
    }
  }

  #object(schema: Json, depth: number): Json {
    const required = (schema["required"] ?? []) as string[];
    const made: [string, unknown][] = [];
    for (const [name, part] of Object.entries((schema["properties"] ?? {}) as Record<string, Json>)) {
      if (this.#chance(required.includes(name) ? 0.96 : 0.4)) made.push([name, this.#value(part, name, depth + 1)]);
    }
    const rest = schema["additionalProperties"];
    if (typeof rest === "object" && depth < 4) {
      for (let i = this.#int(3); i > 0; i--)
        made.push([this.#pick(["join", "count", this.#text()]), this.#value(rest as Json, "", depth + 1)]);
    }
    if (this.#chance(0.03)) made.push([this.#pick(["__proto__", "constructor", "extra"]), this.#pick(VALUES)]);
    return Object.fromEntries(made);
  }

  #input(): unknown {
    const words = Array.from({ length: this.#int(5) }, () => (this.#chance(0.95) ? this.#text() : this.#pick(VALUES)));
    return this.#chance(0.1) ? this.#pick(VALUES) : { words, ...(this.#chance(0.2) && { mode: this.#pick(["plain", "fail", "other"]) }) };
  }

  #number(schema: Json): number {
    const least = (schema["minimum"] as number | undefined) ?? -10;
    const most = Math.min((schema["maximum"] as number | undefined) ?? 1_000, least + 1_000);
    return this.#chance(0.8) ? least + this.#int(most - least + 1) : this.#pick([least - 1, most + 1e9, least + 0.5, 1e21]);
  }

  #text(): string {
    const kind = this.#next();
    if (kind < 0.5) return `t${this.#int(20)}`;
    if (kind < 0.52) return "y".repeat(20_000);
    return this.#pick(INJECTIONS);
  }

  #resolve(schema: Json): Json {
    const name = /^#\/components\/schemas\/(.+)$/.exec(String(schema["$ref"] ?? ""))?.[1];
    return name === undefined ? schema : this.#schemas[name]!;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#int(list.length)]!;
  }

  #chance(part: number): boolean {
    return this.#next() < part;
  }

  #int(below: number): number {
    return Math.floor(this.#next() * below);
  }

  /** Mulberry32 (T. Ettinger, public domain). */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function operationsOf(document: Json): Operation[] {
  const paths = document["paths"] as Record<string, Record<string, Json>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, found]) => {
      const content = (found["requestBody"] as { content: Record<string, { schema: Json }> } | undefined)?.content;
      const body = content?.["application/json"]?.schema ?? null;
      const parameters = (found["parameters"] ?? []) as Parameter[];
      return { method: method.toUpperCase(), path, parameters, body, responses: found["responses"] as Json };
    }),
  );
}
