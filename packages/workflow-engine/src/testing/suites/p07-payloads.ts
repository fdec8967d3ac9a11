// P7: small payloads sit in the row, larger ones in the blob store, once, before any row names them; over the limit is an error.
import { type BlobStore, isBlobReference } from "../../ports/blob-store.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectIncludes, expectMatch, expectPresent, expectRejects, expectTrue } from "../claims.ts";
import { createRun, lookAt, runToEnd } from "../harness.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, step } from "../workflows.ts";

/** A value whose JSON text has exactly this many bytes. */
const ofBytes = (bytes: number): string => "x".repeat(bytes - 2);
const inlineBytes = 32 * 1024;

/** The bench's blob store, with what was put into it. */
function recorded({ store }: Bench, beforePut: (key: string) => Promise<void> = async () => undefined) {
  const puts: string[] = [];
  const { blobStore } = store;
  const recording: BlobStore = {
    put: async (key, value) => {
      puts.push(key);
      await beforePut(key);
      await blobStore.put(key, value);
    },
    get: (key) => blobStore.get(key),
    has: (key) => blobStore.has(key),
    delete: (key) => blobStore.delete(key),
    list: (prefix) => blobStore.list(prefix),
  };
  return { puts, blobStore: recording };
}

/** P7. */
export const payloadsSuite: Suite = {
  name: "P7 payloads",
  cases: [
    ...bothWays("P7", "up to 32 KiB sit in the row, a byte more goes to the blob store, once", async (bench) => {
      const { puts, blobStore } = recorded(bench);
      const stages = [step("small", () => ofBytes(inlineBytes)), step("big", () => ofBytes(inlineBytes + 1))];
      const kernel = bench.createKernel({ workflows: [chain("w", ...stages)], blobStore });
      const end = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectEqual(end.run.status, "COMPLETED");
      expectEqual(end.stages["small"]?.outputData, ofBytes(inlineBytes), "in the row");
      const reference = expectPresent(end.stages["big"]).outputData;
      expectTrue(isBlobReference(reference), "the row holds a reference");
      expectEqual([reference.bytes, puts], [inlineBytes + 1, [reference.$blob]], "bytes and puts");
      expectEqual(await blobStore.get(reference.$blob), ofBytes(inlineBytes + 1), "the blob");
      expectEqual(end.run.output, reference, "the run's output is the same reference");
    }),
    ...bothWays("P7", "what follows reads the value, wherever it is kept", async (bench) => {
      const big = { text: ofBytes(inlineBytes * 2) };
      const seen: unknown[] = [];
      const group = { stages: [step("x", () => big), step("y", () => "small")] };
      const look = step("z", (ctx) => {
        seen.push(ctx.input, ctx.require("x"), ctx.require("y"));
        return "done";
      });
      const kernel = bench.createKernel({ workflows: [chain("w", group, look)] });
      await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectEqual(seen, [{ x: big, y: "small" }, big, "small"]);
    }),
    ...bothWays("P7", "a big input of a run is kept the same way, and the first stage reads it", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", ({ input }) => (input as string).length),
          ),
        ],
      });
      const { run } = await runToEnd(bench, kernel, { workflowId: "w", input: ofBytes(inlineBytes + 1) });
      expectEqual(run.output, inlineBytes - 1);
      expectTrue(isBlobReference(run.input), "the row holds a reference");
    }),
    ...bothWays("P7", "over the hard limit is an error with stage and bytes, and is not retried", async (bench) => {
      let executions = 0;
      const stage = step("heavy", () => {
        executions += 1;
        return ofBytes(1_001);
      });
      const { puts, blobStore } = recorded(bench);
      const kernel = bench.createKernel({
        workflows: [chain("w", stage)],
        blobStore,
        payloadLimits: { inlineBytes: 100, maxBytes: 1_000 },
      });
      const { run, stages } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectEqual([run.status, executions, puts], ["FAILED", 1, []]);
      const error = stages["heavy"]?.errorMessage;
      expectIncludes(error, '"heavy"');
      expectIncludes(error, "1001 bytes");
      expectIncludes(error, "1000 bytes");
    }),
    claim("P7", "a run's input over the hard limit is refused, and nothing is stored", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
          ),
        ],
        payloadLimits: { inlineBytes: 100, maxBytes: 1_000 },
      });
      const create = kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "w", input: ofBytes(1_001) });
      await expectRejects(create, { code: "PAYLOAD_TOO_LARGE", message: "1001 bytes" });
      expectEqual(await bench.store.persistence.getRunsByStatus("PENDING"), [], "runs");
    }),
    ...bothWays("P7", "the blob is there before any row names it", async (bench) => {
      const rows: unknown[] = [];
      const ids: string[] = [];
      const { puts, blobStore } = recorded(bench, async () => {
        rows.push((await lookAt(bench, ids[0]!)).stages["a"]?.outputData);
      });
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => ofBytes(inlineBytes + 1)),
          ),
        ],
        blobStore,
      });
      ids.push(await createRun(kernel, { workflowId: "w", input: {} }));
      await bench.drive(kernel, { until: async () => (await lookAt(bench, ids[0]!)).run.status === "COMPLETED" });
      expectEqual([puts.length, rows], [1, [null]], "the row while the blob was put");
    }),
    ...bothWays("P7", "a blob store that is out of reach fails the attempt, and the next one succeeds", async (bench) => {
      let isDown = true;
      const { puts, blobStore } = recorded(bench, async () => {
        if (!isDown) return;
        isDown = false;
        throw new Error("the bucket is out of reach");
      });
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => ofBytes(inlineBytes + 1)),
          ),
        ],
        blobStore,
      });
      const { run, stages } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectMatch([run.status, stages["a"]?.attempt, stages["a"]?.errorMessage, puts.length], ["COMPLETED", 2, null, 2]);
    }),
    ...bothWays("P7", "a value that looks like a reference is a value", async (bench) => {
      const odd = { $blob: "somebody/elses", bytes: 3 };
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => odd),
            step("b", ({ input }) => ({ got: input })),
          ),
        ],
      });
      const { run } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectEqual(run.output, { got: odd });
    }),
    ...bothWays("P7", "what JSON cannot hold is an error that names the stage, and is not retried", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => ({ big: 1n })),
          ),
        ],
      });
      const { run, stages } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectMatch([run.status, stages["a"]?.attempt], ["FAILED", 1]);
      expectIncludes(stages["a"]?.errorMessage, '"a"');
    }),
  ],
};
