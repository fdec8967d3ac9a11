// User code, from its values to an outcome.
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { StageStorage } from "../../define/context.ts";
import { chain, createGate, resultStep, step, waiting } from "../../testing/workflows.ts";
import { executionOf, type Given } from "./execution.test-fixture.ts";
import { runStage } from "./run-stage.ts";

type Steps = Parameters<typeof step>;
const never = new Promise<never>(() => undefined);

function open(execute: Steps[1], options: Steps[2] = {}, given: Given = {}) {
  const opened = executionOf(chain("w", step("a", execute, options)), "a", given);
  return { ...opened, run: () => runStage(opened.services, opened.execution) };
}

describe("runStage", () => {
  it("P6: input, config and output are parsed by their schemas", async () => {
    const schemas = {
      input: z.object({ n: z.coerce.number() }),
      config: z.object({ k: z.string().default("d") }),
      output: z.object({ s: z.string() }),
    };
    const { run } = open((ctx) => ({ s: `${(ctx.input as { n: number }).n + 1}${ctx.config["k"]}`, more: 1 }), schemas, {
      input: { n: "1" },
    });
    expect(await run()).toMatchObject({ kind: "completed", output: '{"s":"2d"}' });
  });

  it.each([
    ["STAGE_INPUT_INVALID", { input: z.object({ n: z.number() }) }, 'Invalid input of stage "a": n: '],
    ["INVALID_CONFIG", { config: z.object({ k: z.object({ deep: z.string() }) }) }, 'Invalid config of stage "a": k: '],
    ["STAGE_OUTPUT_INVALID", { output: z.object({ list: z.array(z.number()) }) }, 'Invalid output of stage "a": list.1: '],
  ])("P6: %s names the stage and the field path, and is not tried again", async (_, schemas, message) => {
    const execute = vi.fn(() => ({ list: [1, "2"] }));
    const { run } = open(execute, schemas);
    expect(await run()).toMatchObject({ kind: "failed", isRetryable: false, error: expect.stringContaining(message) });
    expect(execute).toHaveBeenCalledTimes("output" in schemas ? 1 : 0);
  });

  it("P5: a throw is a failed outcome with the delay of its attempt", async () => {
    const { run } = open(
      () => {
        throw new Error("no");
      },
      { retry: { initialMs: 10, factor: 3, jitter: 0 } },
      { job: { attempt: 3 } },
    );
    expect(await run()).toEqual({ kind: "failed", error: "no", isRetryable: true, delayMs: 90 });
  });

  it("P5: whatever is thrown, and whatever retryOn does, it never rejects", async () => {
    const retryOn = () => {
      throw new Error("broken");
    };
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const broken = {
      get code(): string {
        throw new Error("broken");
      },
    };
    for (const thrown of [Object.create(null), proxy, broken]) {
      const { run } = open(() => Promise.reject(thrown), { retry: { retryOn } });
      expect(await run()).toMatchObject({ kind: "failed", isRetryable: true });
    }
  });

  it("takes a stage of the author's own making that answers at once", async () => {
    const { services, execution } = open(() => 1);
    execution.planned.stage.execute = (() => ({ output: 2 })) as never;
    expect(await runStage(services, execution)).toMatchObject({ kind: "completed", output: "2" });
  });

  it("P8, P15: an abort ends a stage that ignores its signal and never returns", async () => {
    const { run, abort } = open(() => never);
    const ended = run();
    abort.abort(new Error("cancelled"));
    expect(await ended).toMatchObject({ kind: "failed", error: "cancelled" });
  });

  it("P8: a stage that returns or throws after its abort stores nothing and crashes nobody", async () => {
    for (const late of ["returns", "throws"]) {
      const gate = createGate();
      const big = "x".repeat(2_000);
      const { run, abort, blobStore, environment } = open(async () => {
        await gate.wait();
        if (late === "throws") throw new Error("late");
        return big;
      });
      const ended = run();
      await environment.settle();
      abort.abort(new Error("cancelled"));
      await ended;
      gate.open();
      await environment.settle(); // vitest fails the run on an unhandled rejection
      expect(blobStore.size()).toBe(0);
    }
  });

  it("P15: a blob store that never answers holds nobody: the abort ends that too, and the blob goes when it came", async () => {
    const { run, abort, blobStore, environment } = open(() => "x".repeat(2_000));
    const gate = createGate();
    const put = blobStore.put.bind(blobStore);
    vi.spyOn(blobStore, "put").mockImplementation(async (key, value) => {
      await put(key, value);
      await gate.wait();
    });
    const ended = run();
    await environment.settle();
    abort.abort(new Error("cancelled"));
    expect(await ended).toMatchObject({ kind: "failed", error: "cancelled" });
    gate.open();
    await environment.settle();
    expect(blobStore.size()).toBe(0);
  });

  it("P5: a stage over its timeoutMs fails with STAGE_TIMEOUT's text, its signal aborts, and another attempt may help", async () => {
    let signal: AbortSignal | undefined;
    const { run, environment } = open(
      (ctx) => {
        signal = ctx.signal;
        return never;
      },
      { timeoutMs: 50 },
    );
    const ended = run();
    await environment.advance(49);
    expect(signal?.aborted).toBe(false);
    await environment.advance(1);
    expect(await ended).toMatchObject({ error: 'Stage "a" did not end within its timeout of 50 ms.', isRetryable: true });
    expect(signal?.reason).toMatchObject({ code: "STAGE_TIMEOUT" });
  });

  it("a stage that ends in time leaves no timer", async () => {
    const { run, environment } = open(() => 1, { timeoutMs: 50 });
    expect(await run()).toMatchObject({ kind: "completed" });
    expect(environment.timers()).toEqual([]);
  });

  it("P7: a big output is stored under its execution before it is named; over the limit the stage fails for good", async () => {
    const { run, blobStore } = open(() => "x".repeat(2_000));
    expect(await run()).toMatchObject({ output: '{"$blob":"workflow-v2/w/r1/a/x1/output.json","bytes":2002}' });
    expect(await blobStore.get("workflow-v2/w/r1/a/x1/output.json")).toBe("x".repeat(2_000));
    const huge = open(() => "x".repeat(10_000));
    expect(await huge.run()).toMatchObject({
      isRetryable: false,
      error: expect.stringContaining('Output of stage "a" is 10002 bytes as JSON, over the limit of 10000 bytes'),
    });
    expect(huge.blobStore.size()).toBe(0);
  });

  it("artifacts and metrics come with the output, times from the clock", async () => {
    const opened = executionOf(
      chain(
        "w",
        resultStep("a", async () => ({ output: 1, artifacts: { "x.md": { ä: 1 }, none: undefined }, customMetrics: { items: 3 } })),
      ),
      "a",
    );
    const at = opened.environment.now();
    expect(await runStage(opened.services, opened.execution)).toMatchObject({
      metrics: JSON.stringify({ startTime: at, endTime: at, duration: 0, items: 3 }),
      artifacts: [
        { stageId: "a", key: "x.md", type: "ARTIFACT", data: '{"ä":1}', bytes: 8 },
        { stageId: "a", key: "none", data: "null", bytes: 4 },
      ],
    });
  });

  it("P10: a suspension whose state holds a credential is refused, and its value is told nobody", async () => {
    const state = { batchId: "b", metadata: { api_key: "sk-secret" } };
    const opened = executionOf(
      chain(
        "w",
        waiting("a", () => ({ ready: false }), { state }),
      ),
      "a",
    );
    const outcome = await runStage(opened.services, opened.execution);
    expect(outcome).toMatchObject({ kind: "failed", isRetryable: false, error: expect.stringContaining('"metadata.api_key"') });
    expect(JSON.stringify(outcome)).not.toContain("sk-secret");
  });

  it("P10: a stage that goes on finds what it left", async () => {
    const { run } = open((ctx) => ctx.resumeState, {}, { job: { resume: '{"batchId":"b"}' } });
    expect(await run()).toMatchObject({ output: '{"batchId":"b"}' });
    expect(await open((ctx) => ctx.resumeState ?? "none").run()).toMatchObject({ output: '"none"' });
  });

  it("P8, P19: its storage closes with the abort; logs and progress are told", async () => {
    let storage: StageStorage | undefined;
    const { run, abort, environment, logs, progress } = open((ctx) => {
      ctx.log("INFO", "one", { n: 1 });
      ctx.onLog("WARN", "two");
      ctx.onProgress({ progress: 0.5, message: "half", details: { of: 2 } });
      storage = ctx.storage;
      return never;
    });
    const ended = run();
    await environment.advance(0);
    expect(logs.map(({ level, message, metadata }) => [level, message, metadata])).toEqual([
      ["INFO", "one", '{"n":1}'],
      ["WARN", "two", null],
    ]);
    expect(progress).toEqual([{ type: "stage:progress", stageId: "a", progress: 0.5, message: "half", details: { of: 2 } }]);
    abort.abort(new Error("cancelled"));
    await ended;
    await expect(storage?.save("k", 1)).rejects.toMatchObject({ code: "EXECUTION_LOST" });
  });
});
