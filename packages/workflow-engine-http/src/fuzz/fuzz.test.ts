// The OpenAPI document fuzzes the API it describes: whatever is sent, nothing breaks, nothing of ours shows, nothing is stored half, and every
// answer is one that the document announces. `npm run prove` sends 10,000 requests to each store.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { recordFigure } from "../../../../tools/figures.ts";
import { type Bench, openBench, storeNames, until } from "../http.test-fixture.ts";
import { type MadeRequest, RequestMaker } from "./requests.test-generator.ts";

const COUNT = process.env["PROOF"] === "full" ? 10_000 : 1_500;
const SEED = 20_251_121;
const TRACE = /\n\s+at |node:internal|node_modules|\.ts:\d+|SQLITE_|sqlite|postgres|violates|invalid byte sequence|syntax error/;

type Json = Record<string, unknown>;

describe.each(storeNames)("ten thousand bent requests on %s", (kind) => {
  let bench: Bench;
  let document: Json;
  const created = new Map<string, string>();
  const deleted = new Set<string>();
  const statuses = new Map<number, number>();

  beforeAll(async () => {
    bench = await openBench(kind, { maxBodyBytes: 256 * 1024 });
    document = bench.api.openApi();
  });
  afterAll(() => bench.close());

  async function send({ url, init }: MadeRequest): Promise<{ response: Response; text: string }> {
    const response = await bench.api.fetch(new Request(url, init));
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return { response, text: await response.text() };
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return { response, text: new TextDecoder().decode(value) };
  }

  it("break nothing, show nothing of ours, and are answered as announced", { timeout: 300_000 }, async () => {
    const ids = ["nobody"];
    const maker = new RequestMaker(document, SEED, ids);
    const announced = new Announced(document);
    for (let i = 0; i < COUNT; i++) {
      const made = maker.make();
      const { response, text } = await send(made);
      const said = `#${i} ${made.init.method} ${made.url.slice(0, 300)} ${String(made.init.body).slice(0, 500)} -> ${response.status} ${text.slice(0, 500)}`;
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      expect(response.status, said).toBeLessThan(500);
      if (response.status >= 400) expect(TRACE.test(text), said).toBe(false);
      announced.check(made, response, text, said);
      if (response.status === 201) {
        const { workflowRunId } = JSON.parse(text);
        created.set(workflowRunId, said);
        if (ids.length < 200) ids.push(workflowRunId);
      }
      if (made.init.method === "DELETE" && response.status === 200)
        deleted.add(decodeURIComponent(new URL(made.url).pathname.split("/")[2]!));
    }
    expect(bench.errors).toEqual([]);
    // a fuzzer that is always refused has shown nothing
    for (const status of [200, 201, 400, 404, 405, 409, 413, 415])
      expect(statuses.get(status) ?? 0, `answers of ${status}`).toBeGreaterThan(0);
    recordFigure({ promise: "HTTP", claim: "bent requests: answers of 5xx, stack traces", figure: `0, 0 of ${COUNT}`, store: kind });
    const told = [...statuses].sort().map(([status, count]) => `${status}: ${count}`);
    recordFigure({ promise: "HTTP", claim: "their answers by status", figure: told.join(", "), store: kind });
  });

  it("stored nothing half: every run there is was answered with 201, is whole, and comes to an end", { timeout: 120_000 }, async () => {
    const { reader, blobStore } = bench.store;
    const found: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: Awaited<ReturnType<typeof reader.listRuns>> = await reader.listRuns({}, { limit: 500, cursor });
      found.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    const expected = [...created.keys()].filter((id) => !deleted.has(id));
    expect(new Set(found)).toEqual(new Set(expected));
    for (const id of found) {
      const isOver = ({ run }: { run: { status: string; startedAt: Date | null } }): boolean =>
        !["PENDING", "RUNNING"].includes(run.status);
      const detail = (await reader.getRunDetail(id))!;
      // a run that starts in a thousand years waits
      if (detail.run.status !== "PENDING") await until(async () => (await reader.getRunDetail(id))!, isOver);
      const events = await until(
        () => reader.listEvents(id),
        (list) => list.length > 0,
      );
      expect(events.filter(({ eventType }) => eventType === "workflow:created")).toHaveLength(1);
      expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i + 1));
    }
    const owners = await Promise.all((await blobStore.list("")).map(async (key) => found.some((id) => key.includes(id))));
    expect(owners.every(Boolean)).toBe(true);
  });
});

/** What the document says that is answered. */
class Announced {
  readonly #document: Json;
  readonly #schemas = new Map<unknown, z.ZodType>();

  constructor(document: Json) {
    this.#document = document;
  }

  check({ operation, init }: MadeRequest, response: Response, text: string, said: string): void {
    if (init.method !== operation.method) return;
    const answer = operation.responses[String(response.status)] as { content?: Record<string, { schema?: Json }> } | undefined;
    expect(answer, said).toBeDefined();
    const type = (response.headers.get("content-type") ?? "").split(";")[0]!;
    if (type === "text/event-stream" || response.status === 204) return;
    if (operation.path === "/openapi.json" && response.status === 200) return;
    const schema = answer!.content?.[type]?.schema;
    expect(schema, said).toBeDefined();
    const parsed = this.#schemaOf(schema!).safeParse(JSON.parse(text));
    expect(parsed.error?.issues ?? [], said).toEqual([]);
  }

  #schemaOf(schema: Json): z.ZodType {
    const known = this.#schemas.get(schema);
    if (known) return known;
    const all = (this.#document["components"] as { schemas: Json }).schemas;
    const whole = JSON.parse(JSON.stringify({ ...schema, $defs: all }).replaceAll("#/components/schemas/", "#/$defs/"));
    const made = z.fromJSONSchema(whole);
    this.#schemas.set(schema, made);
    return made;
  }
}
