import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { type Bench, countLetters, openBench, storeNames, type talker } from "../http.test-fixture.ts";
import { ApiError, createClient, RunFailedError, type RunHandle } from "./index.ts";

type Flows = { "count-letters": typeof countLetters; talker: typeof talker };

/** A fetch that ends in the API, and may lose things on the way. */
function fetchOf(
  bench: Bench,
  onResponse: (response: Response, request: Request) => Response | Promise<Response> = (response) => response,
) {
  return (async (url: string, init: RequestInit) => {
    const request = new Request(url, init);
    return onResponse(await bench.api.fetch(request), request);
  }) as typeof fetch;
}

const baseUrl = "http://api.test/";

describe.each(storeNames)("the client on %s", (kind) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench(kind);
  });
  afterAll(() => bench.close());
  const connect = (onResponse?: Parameters<typeof fetchOf>[1]) => createClient<Flows>({ baseUrl, fetch: fetchOf(bench, onResponse) });

  it("starts a run and waits for its result, by types alone", async () => {
    const run = await connect().start("count-letters", { words: ["to", "be"] }, { config: { join: { separator: "--" } } });
    const output = await run.result();
    expect(output.length).toBe(6);
    expectTypeOf(output).toEqualTypeOf<{ length: number }>();
    expectTypeOf(run).toEqualTypeOf<RunHandle<{ length: number }>>();
  });

  it("knows the id of a workflow it was given under another name", async () => {
    const client = createClient({ baseUrl, fetch: fetchOf(bench), workflows: { letters: countLetters } });
    const run = await client.start("letters", { words: ["a"] });
    expect(await run.result()).toEqual({ length: 1 });
    expect(await client.run("letters", run.id).result()).toEqual({ length: 1 });
  });

  it("does not compile with a wrong name or input", () => {
    const client = connect();
    const wrong = (): unknown[] => [
      // @ts-expect-error: there is no such workflow
      client.start("nothing", {}),
      // @ts-expect-error: the words are texts
      client.start("count-letters", { words: [1] }),
    ];
    expect(wrong).toBeTypeOf("function");
  });

  it("tells the events of a run with Dates, once each, and ends with the run", async () => {
    const run = await connect().start("count-letters", { words: ["a"] });
    const events = [];
    for await (const event of run.events()) events.push(event);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i + 1));
    expect(events[0]!.timestamp).toBeInstanceOf(Date);
    expect([events[0]!.type, events.at(-1)!.type]).toEqual(["workflow:created", "workflow:completed"]);
    const rest = [];
    for await (const event of run.events({ after: events.length - 1 })) rest.push(event.type);
    expect(rest).toEqual(["workflow:completed"]);
    for await (const event of run.events({ after: events.length })) expect.fail(event.type);
  });

  it("goes on where it was when connections break, whatever they lose", async () => {
    let connections = 0;
    const client = createClient<Flows>({
      baseUrl,
      environment: { newId: () => crypto.randomUUID(), setTimer: (ms, fire) => timer(Math.min(ms, 2_000) / 1_000, fire) },
      fetch: fetchOf(bench, (response, { headers }) => {
        if (headers.get("accept") !== "text/event-stream" || response.status !== 200) return response;
        connections += 1;
        if (connections % 5 === 2) return new Response("down", { status: 502 });
        return new Response(cut(response.body!, 1_000 + 700 * connections), response);
      }),
    });
    const run = await client.start("talker", { times: 60 });
    const heard: number[] = [];
    for await (const { sequence } of run.events()) heard.push(sequence);
    expect(connections).toBeGreaterThan(3);
    expect(heard).toEqual(heard.map((_, i) => i + 1));
    expect(heard.length).toBeGreaterThan(4);
    expect(await run.result()).toEqual({ said: 60 });
  });

  it("hears the events of all runs from now on, also behind a cursor", async () => {
    let hearOfStream: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      hearOfStream = resolve;
    });
    const client = connect((response, { url }) => {
      if (new URL(url).pathname === "/events") hearOfStream();
      return response;
    });
    const stop = new AbortController();
    const stream = client.events({ signal: stop.signal });
    const first = stream.next();
    await opened;
    const run = await client.start("count-letters", { words: ["z"] });
    const heard = [(await first).value!];
    for await (const event of stream) if (heard.push(event) && event.type === "workflow:completed") break;
    expect(new Set(heard.map(({ workflowRunId }) => workflowRunId))).toEqual(new Set([run.id]));
    expect(heard[0]!.type).toBe("workflow:created");
    stop.abort();
    const again = client.events({ after: heard[1]!.cursor, signal: AbortSignal.timeout(10_000) });
    expect((await again.next()).value).toEqual(heard[2]);
  });

  it("starts one run, however often the network loses the answer", async () => {
    let lost = 0;
    const client = connect((response, { method }) => {
      if (method === "POST" && lost++ < 2) throw new TypeError("fetch failed");
      return response;
    });
    const before = (await client.listRuns({ limit: 500 })).items.length;
    const run = await client.start("count-letters", { words: [] });
    expect((await client.listRuns({ limit: 500 })).items.length).toBe(before + 1);
    expect(lost).toBe(3);
    await run.result();
  });

  it("throws what the API says, and that a run has failed", async () => {
    const client = connect();
    const error = await client.start("count-letters", { words: [1 as unknown as string] }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 400, code: "INVALID_INPUT", errors: [{ path: "body.input.words.0" }] });
    const failing = await client.start("count-letters", { words: [], mode: "fail" });
    const failed = await failing.result().catch((thrown: unknown) => thrown);
    expect(failed).toBeInstanceOf(RunFailedError);
    expect(failed).toMatchObject({ code: "RUN_FAILED", status: "FAILED", message: expect.stringContaining("told to fail") });
    await expect(client.run("nobody").result()).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
  });

  it("cancels, reruns, reads and deletes", async () => {
    const client = connect();
    const waiting = await client.start("count-letters", { words: ["a"], mode: "wait" });
    const result = waiting.result().catch((thrown: unknown) => thrown);
    expect(await waiting.cancel("enough")).toBe(true);
    expect(await result).toMatchObject({ status: "CANCELLED", message: expect.stringContaining("enough") });
    const run = await client.start("count-letters", { words: ["a"] });
    await run.result();
    expect(await run.rerun("count")).toEqual(["count"]);
    expect(await run.result()).toEqual({ length: 1 });
    expect((await run.detail()).run.status).toBe("COMPLETED");
    expect((await run.logs()).items).toHaveLength(1);
    expect((await run.attempts({ stageId: "count" })).length).toBe(2);
    expect(await run.artifact("a/b c")).toEqual({ kept: true });
    await run.delete();
    await expect(run.detail()).rejects.toMatchObject({ status: 404 });
    expect((await client.listWorkflows()).map(({ id }) => id)).toContain("talker");
    expect((await client.countRuns()).length).toBeGreaterThan(0);
    await client.health();
  });
});

function timer(ms: number, fire: () => void): () => void {
  const handle = setTimeout(fire, ms);
  return () => clearTimeout(handle);
}

/** The first bytes of a stream, and then a broken connection. */
function cut(body: ReadableStream<Uint8Array>, bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        controller.enqueue(chunk.subarray(0, left));
        left -= chunk.byteLength;
        if (left <= 0) controller.error(new TypeError("terminated"));
      },
    }),
  );
}
