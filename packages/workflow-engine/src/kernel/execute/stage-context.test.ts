// What a stage is handed stays whole however its author passes it on: spread, taken apart, wrapped (P8).
import { expect, it } from "vitest";
import type { EnhancedStageContext } from "../../define/context.ts";
import { chain, step } from "../../testing/workflows.ts";
import { executionOf, type Given } from "./execution.test-fixture.ts";
import { runStage } from "./run-stage.ts";

type Context = EnhancedStageContext<unknown, Record<string, unknown>>;

/** Everything that the interface names. */
const fields = [
  ...["workflowRunId", "stageId", "stageNumber", "stageName", "stageRecordId", "input", "config", "resumeState", "attempt", "executionId"],
  ...["signal", "onProgress", "log", "onLog", "storage", "ai", "workflowContext", "require", "optional"],
].sort();

/** Ways of passing a context on. */
const ways: Record<string, (ctx: Context) => Context> = {
  "as it is": (ctx) => ctx,
  spread: (ctx) => ({ ...ctx }),
  "spread twice": (ctx) => ({ ...{ ...ctx }, ...ctx }),
  assigned: (ctx) => Object.assign({}, ctx),
  "taken apart": ({ storage, signal, ai, log, onLog, onProgress, require, optional, ...others }) => ({
    ...{ storage, signal, ai, log, onLog, onProgress, require, optional },
    ...others,
  }),
  inherited: (ctx) => Object.create(ctx) as Context,
  "behind a proxy": (ctx) => new Proxy(ctx, {}),
};

/** Runs `look` in the second stage of a workflow; fails as the stage does. */
async function within(look: (ctx: Context) => Promise<void> | void, given: Given = {}) {
  const execute = async (ctx: Context): Promise<null> => {
    await look(ctx);
    return null;
  };
  const opened = executionOf(
    chain(
      "w",
      step("a", () => 1),
      step("b", execute as Parameters<typeof step>[1]),
    ),
    "b",
    { outputs: { a: 1 }, ...given },
  );
  expect(await runStage(opened.services, opened.execution)).toMatchObject({ kind: "completed" });
  return { ...opened, told: await opened.execution.close() };
}

it("P8: a context has the properties that the interface names, all of its own and enumerable", async () => {
  await within((ctx) => {
    expect(Object.keys(ctx).sort()).toEqual(fields);
    expect(Object.keys({ ...ctx }).sort()).toEqual(fields);
  });
});

it.each(Object.entries(ways))("P8: a context passed on keeps everything it offers: %s", async (_, pass) => {
  const { told, blobStore } = await within(async (ctx) => {
    const passed = pass(ctx);
    for (const field of fields as Array<keyof Context>) expect(passed[field], field).toBe(ctx[field]);
    const { log, onLog, onProgress, require, optional, storage } = passed;
    log("INFO", "by log");
    onLog("WARN", "by onLog", { n: 1 });
    onProgress({ progress: 50, message: "half" });
    expect([require("a"), optional("a"), optional("none")]).toEqual([1, 1, undefined]);
    await storage.save("key", "kept");
    expect(await ctx.storage.load("key")).toBe("kept");
  });
  expect(told.logs.map(({ message }) => message)).toEqual(["by log", "by onLog"]);
  expect(told.progress).toHaveLength(1);
  expect(await blobStore.has("workflow-v2/w/r1/key")).toBe(true);
});

it("P8: the signal and the storage of a copy end with the execution, whichever was looked at first", async () => {
  for (const pass of Object.values(ways)) {
    let copy: Context | undefined;
    const { abort } = await within((ctx) => {
      copy = pass(ctx);
    });
    expect(copy!.signal.aborted).toBe(false);
    abort.abort(new Error("cancelled"));
    expect(copy!.signal.aborted).toBe(true);
    await expect(copy!.storage.save("late", 1)).rejects.toMatchObject({ code: "EXECUTION_LOST" });
  }
});
