// What a stage reads: of earlier groups only, parsed afresh, when looked at.
import { describe, expect, it, vi } from "vitest";
import { InMemoryBlobStore } from "../../memory/memory-blob-store.ts";
import { chain, step } from "../../testing/workflows.ts";
import { payloadsOf } from "./execution.test-fixture.ts";
import { addOutput, readRunValues } from "./run-values.ts";

const same = (id: string, input?: "none") => step(id, (ctx) => ctx.input, input ? { input } : {});
const workflow = chain("w", same("a"), { stages: [same("b1"), same("b2")] }, same("c"), same("d", "none"));
const given = { input: { n: 1 }, config: { a: { x: 1 } }, outputs: { a: { a: 0 }, b1: false, b2: null, c: { c: "" } } };

async function read(stageId: string, options: { outputs?: Record<string, unknown>; config?: Record<string, unknown> } = {}) {
  const payloads = payloadsOf(workflow, { ...given, ...options });
  return readRunValues(workflow.plan, workflow.plan.requireStage(stageId), payloads, options.config, new InMemoryBlobStore());
}

describe("readRunValues", () => {
  it("P6: the first group gets the run's input, later ones the output before, a parallel one by stage id", async () => {
    const inputs = await Promise.all(["a", "b1", "b2", "c"].map(async (id) => (await read(id)).input));
    expect(inputs).toEqual([{ n: 1 }, { a: 0 }, { a: 0 }, { b1: false, b2: null }]);
  });

  it("P6: a stage that takes no input gets none", async () => {
    expect((await read("d")).input).toEqual({});
  });

  it("P6: a missing output is an error that names both stages, never silently the run's input", async () => {
    await expect(read("c", { outputs: { a: 1, b2: 2 } })).rejects.toThrow(
      'Stage "c" cannot start: the output of stage "b1" before it is not stored.',
    );
  });

  it("P6: the context holds earlier groups only: no sibling, not itself, nothing later", async () => {
    const { workflowContext } = await read("b1");
    expect(Object.keys(workflowContext)).toEqual(["a"]);
    expect(["b1" in workflowContext, "b2" in workflowContext, "c" in workflowContext, "a" in workflowContext]).toEqual([
      ...[false, false, false, true],
    ]);
    expect([workflowContext["b2"], workflowContext["c"], Object.hasOwn(workflowContext, "b1")]).toEqual([undefined, undefined, false]);
    expect({ ...(await read("d")).workflowContext }).toEqual(given.outputs);
  });

  it("names that every object has are no stages", async () => {
    const { workflowContext } = await read("d");
    for (const id of ["constructor", "toString", "__proto__"]) expect(Object.hasOwn(workflowContext, id)).toBe(false);
    expect(String(workflowContext)).toBe("[object Object]");
  });

  it("P6: an output is parsed only when looked at, and once", async () => {
    const payloads = payloadsOf(workflow, given);
    payloads.outputs["a"] = "no JSON at all";
    const { workflowContext } = await readRunValues(
      workflow.plan,
      workflow.plan.requireStage("d"),
      payloads,
      undefined,
      new InMemoryBlobStore(),
    );
    expect(workflowContext["c"]).toBe(workflowContext["c"]);
    expect(() => workflowContext["a"]).toThrow(SyntaxError);
  });

  it("P6: what one stage does to what it reads, no other stage sees", async () => {
    const payloads = payloadsOf(workflow, given);
    const blobs = new InMemoryBlobStore();
    const readAgain = (id: string) => readRunValues(workflow.plan, workflow.plan.requireStage(id), payloads, undefined, blobs);
    const first = await readAgain("b1");
    (first.input as { a: number }).a = 99;
    (first.workflowContext["a"] as { a: number }).a = 98;
    (first.config as Record<string, unknown>)["x"] = 97;
    const second = await readAgain("b2");
    expect([second.input, second.workflowContext["a"], second.config]).toEqual([{ a: 0 }, { a: 0 }, {}]);
    ((await readAgain("a")).config as Record<string, unknown>)["x"] = 96;
    expect((await readAgain("a")).config).toEqual({ x: 1 });
  });

  it("P6: a stage reads its own config, {} without one, or that of the caller's map", async () => {
    expect([(await read("a")).config, (await read("c")).config]).toEqual([{ x: 1 }, {}]);
    expect([(await read("a", { config: { a: 0 } })).config, (await read("a", { config: {} })).config]).toEqual([0, {}]);
  });

  it("P7: big values are fetched before the stage runs, and only those it may read", async () => {
    const payloads = payloadsOf(workflow, given);
    const blobs = new InMemoryBlobStore();
    for (const [id, value] of [
      ["input", [1]],
      ["a", [2]],
      ["b1", [3]],
    ] as const)
      await blobs.put(id, value);
    payloads.input = '{"$blob":"input","bytes":3}';
    payloads.outputs["a"] = '{"$blob":"a","bytes":3}';
    payloads.outputs["b1"] = '{"$blob":"b1","bytes":3}';
    const get = vi.spyOn(blobs, "get");
    const readNow = (id: string) => readRunValues(workflow.plan, workflow.plan.requireStage(id), payloads, undefined, blobs);
    expect((await readNow("a")).input).toEqual([1]);
    const sibling = await readNow("b2");
    expect([sibling.input, sibling.workflowContext["a"]]).toEqual([[2], [2]]);
    expect(get.mock.calls.flat()).toEqual(["input", "a"]);
    expect((await readNow("c")).input).toEqual({ b1: [3], b2: null });
  });

  it("P7: a big value that joins many is fetched too, though those before it have been looked through", async () => {
    const long = chain("long", ...Array.from({ length: 20 }, (_, i) => same(`s${i}`)));
    const payloads = payloadsOf(long, {
      input: 0,
      config: {},
      outputs: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`s${i}`, i])),
    });
    const blobs = new InMemoryBlobStore();
    await blobs.put("big", [17]);
    const inputOf = async (id: string) => (await readRunValues(long.plan, long.plan.requireStage(id), payloads, undefined, blobs)).input;
    expect(await inputOf("s17")).toBe(16);
    addOutput(payloads, "s17", 18, '{"$blob":"big","bytes":4}');
    expect(await inputOf("s18")).toEqual([17]);
  });

  it("P6: runs with configs of their own keep them when their stages take turns", async () => {
    const runs = [1, 2].map((x) => payloadsOf(workflow, { ...given, config: { a: { x }, c: { y: x } } }));
    const configs: unknown[] = [];
    for (const id of ["a", "c"])
      for (const payloads of runs)
        configs.push(
          (await readRunValues(workflow.plan, workflow.plan.requireStage(id), payloads, undefined, new InMemoryBlobStore())).config,
        );
    expect(configs).toEqual([{ x: 1 }, { x: 2 }, { y: 1 }, { y: 2 }]);
  });

  it("P7: a blob that is gone is an error of this stage", async () => {
    const payloads = payloadsOf(workflow, given);
    payloads.outputs["a"] = '{"$blob":"gone","bytes":3}';
    const reading = readRunValues(workflow.plan, workflow.plan.requireStage("c"), payloads, undefined, new InMemoryBlobStore());
    await expect(reading).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
  });
});
