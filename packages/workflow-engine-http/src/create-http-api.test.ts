import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bench, openBench, storeNames, until } from "./http.test-fixture.ts";

const start = (input: unknown = { words: ["a", "b"] }) => ({ workflowId: "count-letters", input });

describe.each(storeNames)("the API on %s", (kind) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench(kind);
  });
  afterAll(() => bench.close());

  const read = async (path: string) => (await bench.ask(path)).json() as Promise<any>;
  const begin = async (input?: unknown): Promise<string> => {
    const response = await bench.ask("/runs", { json: start(input) });
    expect(response.status).toBe(201);
    return ((await response.json()) as { workflowRunId: string }).workflowRunId;
  };
  const settled = (id: string) =>
    until(
      () => read(`/runs/${id}`),
      ({ run }) => !["PENDING", "RUNNING"].includes(run.status),
    );
  const problem = async (response: Response) => {
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const body = (await response.json()) as { status: number; code: string; detail: string; errors?: { path: string }[] };
    expect(body.status).toBe(response.status);
    return body;
  };

  it("starts a run and tells everything of it", async () => {
    const response = await bench.ask("/runs", { json: { ...start(), metadata: { who: "me" }, priority: 7 } });
    expect(response.headers.get("location")).toMatch(/^runs\//);
    const { workflowRunId } = (await response.json()) as { workflowRunId: string };
    const detail = await settled(workflowRunId);
    expect(detail.run).toMatchObject({
      status: "COMPLETED",
      output: { length: 3 },
      priority: 7,
      metadata: { who: "me" },
      totalCost: 0,
      error: null,
    });
    expect(detail.stages).toMatchObject([
      { stageId: "join", status: "COMPLETED", output: { text: "a b" } },
      { stageId: "count", status: "COMPLETED" },
    ]);
    expect(detail.attempts).toMatchObject([{ stageId: "join", attempt: 1, status: "COMPLETED" }, { stageId: "count" }]);
    expect(detail.artifacts).toMatchObject([{ key: "a/b c", size: 13 }]);
    expect(await read(`/runs/${workflowRunId}/artifacts/${encodeURIComponent("a/b c")}`)).toEqual({ key: "a/b c", data: { kept: true } });
    expect((await read(`/runs/${workflowRunId}/logs`)).items).toMatchObject([{ level: "INFO", message: "joining" }]);
    expect((await read(`/runs/${workflowRunId}/attempts?stageId=count`)).items).toMatchObject([{ stageId: "count" }]);
    expect(await read(`/runs/${workflowRunId}/output`)).toMatchObject({ status: "COMPLETED", output: { length: 3 } });
    const { items } = await until(
      () => read(`/runs/${workflowRunId}/events`),
      (page) => page.items.at(-1)?.type === "workflow:completed",
    );
    expect(items.map(({ sequence }: { sequence: number }) => sequence)).toEqual(items.map((_: unknown, i: number) => i + 1));
    expect(items[0]).toMatchObject({ type: "workflow:created", workflowRunId, workflowId: "count-letters" });
  });

  it("answers the same run for the same key, and refuses the key for another intent", async () => {
    const headers = { "idempotency-key": `order-${kind}` };
    const first = await (await bench.ask("/runs", { json: start(), headers })).json();
    expect(await (await bench.ask("/runs", { json: start(), headers })).json()).toEqual(first);
    const other = await bench.ask("/runs", { json: start({ words: ["c"] }), headers });
    expect(other.status).toBe(409);
    expect(await problem(other)).toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
  });

  it("names the field that does not fit", async () => {
    const input = await bench.ask("/runs", { json: start({ words: ["a", 2] }) });
    expect(await problem(input)).toMatchObject({ status: 400, code: "INVALID_INPUT", errors: [{ path: "body.input.words.1" }] });
    const config = await bench.ask("/runs", { json: { ...start(), config: { join: { separator: 1 } } } });
    expect(await problem(config)).toMatchObject({ status: 400, code: "INVALID_CONFIG", errors: [{ path: "body.config.join.separator" }] });
    const field = await bench.ask("/runs", { json: { ...start(), priority: "high" } });
    expect(await problem(field)).toMatchObject({ status: 400, code: "INVALID_REQUEST", errors: [{ path: "body.priority" }] });
    const misspelt = await bench.ask("/runs", { json: { ...start(), prioritty: 1 } });
    expect(await problem(misspelt)).toMatchObject({ status: 400, code: "INVALID_REQUEST" });
    const query = await bench.ask("/runs?limit=0&status=DONE");
    expect((await problem(query)).errors?.map(({ path }) => path)).toEqual(["query.limit", "query.status"]);
    expect(await problem(await bench.ask("/runs?cursor=nonsense"))).toMatchObject({ status: 400, code: "INVALID_COMMAND" });
  });

  it("refuses what is no JSON, too large, too deep or of another type", async () => {
    const send = async (body: BodyInit, type = "application/json") =>
      problem(await bench.ask("/runs", { method: "POST", body, headers: { "content-type": type } }));
    expect(await send("{")).toMatchObject({ status: 400, code: "INVALID_BODY" });
    expect(await send(new Uint8Array([0x22, 0xff, 0x22]))).toMatchObject({ status: 400, code: "INVALID_BODY" });
    expect(await send(`{"a":${"[".repeat(50_000)}`)).toMatchObject({ status: 400, code: "INVALID_BODY" });
    expect(await send("a=1", "application/x-www-form-urlencoded")).toMatchObject({ status: 415 });
    expect(await send("a", "application/jsonp")).toMatchObject({ status: 415 });
    expect(await send(JSON.stringify(start({ words: ["x".repeat(6 * 1024 * 1024)] })))).toMatchObject({
      status: 413,
      code: "BODY_TOO_LARGE",
    });
    expect(await problem(await bench.ask("/runs", { method: "POST" }))).toMatchObject({ status: 400, code: "INVALID_REQUEST" });
  });

  it("knows no run, workflow, stage, artifact or address that is not there", async () => {
    const paths = ["", "/output", "/logs", "/attempts", "/events", "/artifacts/x"].map((rest) => `/runs/nobody${rest}`);
    for (const path of [...paths, "/runs/%00", "/runs/%ff", `/runs/${"x".repeat(5_000)}`]) {
      expect(await problem(await bench.ask(path)), path).toMatchObject({ status: 404, code: "RUN_NOT_FOUND" });
    }
    const posts = { cancel: {}, rerun: { fromStageId: "join" } };
    for (const [name, json] of Object.entries(posts)) {
      expect(await problem(await bench.ask(`/runs/nobody/${name}`, { json }))).toMatchObject({ status: 404, code: "RUN_NOT_FOUND" });
    }
    expect(await problem(await bench.ask("/runs/nobody", { method: "DELETE" }))).toMatchObject({ status: 404, code: "RUN_NOT_FOUND" });
    expect(await problem(await bench.ask("/workflows/nobody"))).toMatchObject({ status: 404, code: "WORKFLOW_NOT_FOUND" });
    expect(await problem(await bench.ask("/runs", { json: { workflowId: "nobody", input: {} } }))).toMatchObject({
      code: "WORKFLOW_NOT_FOUND",
    });
    const id = await begin();
    await settled(id);
    expect(await problem(await bench.ask(`/runs/${id}/artifacts/x`))).toMatchObject({ status: 404, code: "ARTIFACT_NOT_FOUND" });
    expect(await problem(await bench.ask(`/runs/${id}/rerun`, { json: { fromStageId: "x" } }))).toMatchObject({ code: "STAGE_NOT_FOUND" });
    expect(await problem(await bench.ask("/nowhere"))).toMatchObject({ status: 404, code: "ROUTE_NOT_FOUND" });
    const wrong = await bench.ask("/runs", { method: "PUT" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, POST"]);
  });

  it("cancels, reruns and deletes", async () => {
    const id = await begin({ words: ["a"], mode: "wait" });
    expect(await problem(await bench.ask(`/runs/${id}`, { method: "DELETE" }))).toMatchObject({ status: 409, code: "RUN_STATE" });
    expect(await problem(await bench.ask(`/runs/${id}/rerun`, { json: { fromStageId: "join" } }))).toMatchObject({ status: 409 });
    expect(await (await bench.ask(`/runs/${id}/cancel`, { json: { reason: "enough" } })).json()).toEqual({ cancelled: true });
    expect(await (await bench.ask(`/runs/${id}/cancel`, { method: "POST" })).json()).toEqual({ cancelled: false });
    expect((await settled(id)).run).toMatchObject({ status: "CANCELLED", error: "enough" });

    const done = await begin();
    await settled(done);
    const rerun = await bench.ask(`/runs/${done}/rerun`, { json: { fromStageId: "count" } });
    expect(await rerun.json()).toEqual({ workflowRunId: done, fromStageId: "count", deletedStages: ["count"] });
    await settled(done);
    expect(await (await bench.ask(`/runs/${done}`, { method: "DELETE" })).json()).toEqual({ deleted: true });
    expect((await bench.ask(`/runs/${done}`)).status).toBe(404);
  });

  it("lists runs page by page, and counts them", async () => {
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push(await begin());
    for (const id of ids) await settled(id);
    const seen: string[] = [];
    for (let cursor = ""; ; ) {
      const page = await read(`/runs?workflowId=count-letters&status=COMPLETED&limit=2${cursor}`);
      expect(page.items.length).toBeLessThanOrEqual(2);
      expect(page.items[0]).not.toHaveProperty("input");
      seen.push(...page.items.map(({ id }: { id: string }) => id));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${encodeURIComponent(page.nextCursor)}`;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(ids));
    const { items } = await read("/counts");
    expect(items).toContainEqual({ workflowId: "count-letters", status: "COMPLETED", count: seen.length });
    expect((await read(`/runs?createdAfter=${encodeURIComponent("2999-01-01T00:00:00+02:00")}`)).items).toEqual([]);
  });

  it("lists dead letters and delivers them again", async () => {
    const id = await begin({ words: [], mode: "fail" });
    expect((await settled(id)).run).toMatchObject({ status: "FAILED", error: expect.stringContaining("told to fail") });
    const { items } = await until(
      () => read("/dead-letters"),
      (page) => page.items.length > 0,
    );
    expect(items).toMatchObject([
      { consumer: "deaf", event: { type: "workflow:failed", workflowRunId: id }, error: expect.stringContaining("cannot hear") },
    ]);
    expect(await (await bench.ask("/dead-letters/replay", { json: { maxEvents: 10 } })).json()).toEqual({ replayed: 1 });
  });

  it("describes workflows with their schemas", async () => {
    const { items } = await read("/workflows");
    expect(items.map(({ id }: { id: string }) => id)).toEqual(["count-letters", "talker"]);
    const one = await read("/workflows/count-letters");
    expect(one.inputSchema).toMatchObject({ type: "object", required: ["words"], properties: { mode: { default: "plain" } } });
    expect(one.stages).toMatchObject([
      { id: "join", executionGroup: 1, defaultConfig: { separator: " " }, configSchema: { properties: { separator: { type: "string" } } } },
      { id: "count", executionGroup: 2 },
    ]);
  });

  it("says that it is well", async () => {
    expect(await read("/health")).toEqual({ status: "ok" });
  });

  it("had nothing go wrong on its side", () => {
    expect(bench.errors).toEqual([]);
  });
});

describe("failures of ours", () => {
  it("tell the caller an id, and the owner the rest", async () => {
    const told: string[] = [];
    const bench = await openBench("memory", { works: false, onError: (error, { errorId }) => void told.push(errorId, String(error)) });
    bench.store.reader.listRuns = async () => {
      throw new Error("password=hunter2");
    };
    const response = await bench.ask("/runs");
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({ code: "INTERNAL", detail: expect.stringContaining(told[0]!) });
    expect(told[1]).toContain("hunter2");
    expect(text).not.toMatch(/hunter2|\bat .*:\d+/);
    await bench.close();
  });

  it("say that the store is gone", async () => {
    const bench = await openBench("SQLite", { works: false });
    await bench.store.close();
    for (const path of ["/health", "/runs"]) expect((await bench.ask(path)).status, path).toBe(503);
    await bench.close().catch(() => undefined);
  });
});

describe("mounting", () => {
  it("answers below a base path only", async () => {
    const bench = await openBench("memory", { works: false, basePath: "/api/engine/" });
    expect((await bench.ask("/api/engine/runs")).status).toBe(200);
    expect((await bench.ask("/runs")).status).toBe(404);
    expect((await bench.ask("/api/engine/runs", { method: "PUT" })).status).toBe(405);
    expect(bench.api.openApi()["servers"]).toEqual([{ url: "/api/engine" }]);
    await bench.close();
  });
});
