// P1 and P2 of run.create: all is checked before anything is stored.
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { chain, chainOf, step } from "../../testing/workflows.ts";
import { create, openKernel } from "../kernel.test-fixture.ts";

const config = z.object({ model: z.string(), limits: z.object({ tokens: z.number(), deep: z.number().default(3) }) });
const strict = chainOf(
  { id: "w", input: z.object({ n: z.number(), list: z.array(z.string()).default([]) }) },
  step("a", () => 1, { config }),
);
const valid = { ...create, input: { n: 1 }, config: { a: { model: "m", limits: { tokens: 5 } } } };
const anything = chain(
  "w",
  step("a", () => 1),
);

describe("run.create", () => {
  it.each([
    ["WORKFLOW_NOT_FOUND", { workflowId: "nope" }, "Workflow nope not found in registry"],
    ["INVALID_INPUT", { input: { n: "1" } }, "Invalid workflow input: n: Invalid input: expected number, received string"],
    ["INVALID_INPUT", { input: null }, "Invalid workflow input: (root): Invalid input: expected object, received null"],
    [
      "INVALID_CONFIG",
      { config: { a: { model: "m", limits: { tokens: "5" } } } },
      "Invalid workflow config: a: Config validation failed: limits.tokens: Invalid input: expected number, received string",
    ],
    ["INVALID_CONFIG", { config: { b: {} } }, 'Invalid workflow config: b: Unknown stage. Stages of workflow "w": a'],
    ["INVALID_COMMAND", { idempotencyKey: "" }, 'run.create: idempotencyKey must be a non-empty text, got ""'],
    ["INVALID_COMMAND", { priority: 1.5 }, "run.create: priority must be a whole number, got 1.5"],
    ["INVALID_COMMAND", { startAt: new Date(Number.NaN) }, "run.create: startAt must be a valid Date"],
    ["PAYLOAD_NOT_JSON", { metadata: { n: 1n } }, "Metadata cannot be stored as JSON"],
  ])("P1: %s names what is wrong, and nothing is stored", async (code, wrong, message) => {
    const { kernel, store } = openKernel([strict]);
    await expect(kernel.dispatch({ ...valid, ...wrong })).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(await store.persistence.getRunsByStatus("PENDING")).toEqual([]);
    expect(await store.persistence.getUnpublishedOutboxEvents(10)).toEqual([]);
    expect((await kernel.dispatch(valid)).status).toBe("PENDING"); // the key is still free
  });

  it("P1: stores the parsed input and the merged config", async () => {
    const { kernel, store } = openKernel([strict]);
    const { workflowRunId } = await kernel.dispatch(valid);
    expect(await store.persistence.getRun(workflowRunId)).toMatchObject({
      input: { n: 1, list: [] },
      config: { a: { model: "m", limits: { tokens: 5, deep: 3 } } },
      priority: 5,
    });
  });

  it("P2: a key means its payload, the parent included", async () => {
    const { kernel } = openKernel([anything]);
    const first = await kernel.dispatch(create);
    expect(await kernel.dispatch({ ...create, config: {}, priority: 5 })).toEqual(first);
    for (const other of [{ input: 1 }, { priority: 6 }, { metadata: {} }, { startAt: new Date(0) }, { parentRunId: "r0" }]) {
      await expect(kernel.dispatch({ ...create, ...other })).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    }
  });

  it("P7: a big input is put aside once: neither a replay nor a conflict leaves a blob behind", async () => {
    const { kernel, store } = openKernel([anything]);
    const big = { ...create, input: "x".repeat(40_000) };
    const { workflowRunId } = await kernel.dispatch(big);
    expect(await kernel.dispatch(big)).toMatchObject({ workflowRunId });
    await expect(kernel.dispatch({ ...big, input: "y".repeat(40_000) })).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    expect(await store.blobStore.list("")).toEqual([`workflow-v2/w/${workflowRunId}/input.json`]);
  });

  it("P2: a replay answers also when the blob it put aside cannot be removed", async () => {
    const { kernel, store } = openKernel([anything]);
    const big = { ...create, input: "x".repeat(40_000) };
    const first = await kernel.dispatch(big);
    vi.spyOn(store.blobStore, "delete").mockRejectedValue(new Error("down"));
    expect(await kernel.dispatch(big)).toEqual(first);
  });

  it("P7: when nobody knows whether it was stored, its input stays", async () => {
    const { kernel, store, state } = openKernel([anything]);
    state.fails = ({ method }) => method === "store.transact";
    await expect(kernel.dispatch({ ...create, input: "x".repeat(40_000) })).rejects.toThrow("Injected fault");
    expect(store.blobStore.size()).toBe(1);
  });

  it("P12: the scheduler hears of a start that lies in the future, once", async () => {
    const { kernel, scheduler, environment } = openKernel([anything]);
    const startAt = new Date(environment.now() + 60_000);
    await kernel.dispatch({ ...create, startAt });
    await kernel.dispatch({ ...create, startAt });
    expect(scheduler.scheduled).toMatchObject([{ commandType: "run.claimPending", runAt: startAt }]);
  });
});
