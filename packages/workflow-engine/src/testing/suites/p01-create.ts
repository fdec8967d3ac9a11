// P1: run.create validates everything before anything is stored; an error names the stage and the field path.
import { z } from "zod";
import type { Bench } from "../bench.ts";
import { expectEqual, expectIncludes, expectMatch, expectPresent, expectRejects } from "../claims.ts";
import { createRun } from "../harness.ts";
import { claim, type Suite } from "../suite.ts";
import { chainOf, step } from "../workflows.ts";

const configured = () =>
  chainOf(
    { id: "w", input: z.object({ n: z.coerce.number(), label: z.string().default("none") }) },
    step("first", () => 1, {
      config: z.object({ limit: z.number().default(3), deep: z.object({ a: z.number(), b: z.number() }).default({ a: 1, b: 2 }) }),
    }),
    step("second", () => 2, { config: z.object({ mode: z.enum(["fast", "slow"]).default("fast") }) }),
  );

async function expectNothingStored({ store }: Bench): Promise<void> {
  expectEqual(await store.persistence.getRunsByStatus("PENDING"), [], "runs");
  expectEqual(await store.persistence.getUnpublishedOutboxEvents(), [], "events");
}

const create = { type: "run.create", idempotencyKey: "k", workflowId: "w" } as const;

/** P1. */
export const createSuite: Suite = {
  name: "P1 create",
  cases: [
    claim("P1", "an unknown workflow is refused and nothing is stored", async (bench) => {
      const kernel = bench.createKernel({ workflows: [configured()] });
      const unknown = kernel.dispatch({ ...create, workflowId: "nope", input: {} });
      await expectRejects(unknown, { code: "WORKFLOW_NOT_FOUND", message: "Workflow nope not found in registry" });
      await expectNothingStored(bench);
    }),
    claim("P1", "an input that does not fit is refused with its field path and nothing is stored", async (bench) => {
      const kernel = bench.createKernel({ workflows: [configured()] });
      const error = await expectRejects(kernel.dispatch({ ...create, input: { n: "x" } }), {
        code: "INVALID_INPUT",
        message: "Invalid workflow input: ",
      });
      expectIncludes(error.message, "n: ");
      await expectNothingStored(bench);
    }),
    claim("P1", "a config that does not fit is refused with stage and field path, every stage told at once", async (bench) => {
      const kernel = bench.createKernel({ workflows: [configured()] });
      const config = { first: { deep: { a: "x" } }, second: { mode: "odd" } };
      const error = await expectRejects(kernel.dispatch({ ...create, input: { n: 1 }, config }), {
        code: "INVALID_CONFIG",
        message: "Invalid workflow config: ",
      });
      expectIncludes(error.message, "first: ");
      expectIncludes(error.message, "deep.a: ");
      expectIncludes(error.message, "second: ");
      expectIncludes(error.message, "mode: ");
      await expectNothingStored(bench);
    }),
    claim("P1", "the config of a stage the workflow does not have is refused", async (bench) => {
      const kernel = bench.createKernel({ workflows: [configured()] });
      const odd = kernel.dispatch({ ...create, input: { n: 1 }, config: { third: {} } });
      await expectRejects(odd, { code: "INVALID_CONFIG", message: "third: " });
      await expectNothingStored(bench);
    }),
    claim("P1", "input and config are stored parsed, config merged deeply over each stage's defaults", async (bench) => {
      const kernel = bench.createKernel({ workflows: [configured()] });
      const runId = await createRun(kernel, { workflowId: "w", input: { n: "7" }, config: { first: { deep: { b: 9 } } } });
      const run = expectPresent(await bench.store.persistence.getRun(runId));
      expectEqual(run.input, { n: 7, label: "none" }, "input");
      expectEqual(run.config, { first: { limit: 3, deep: { a: 1, b: 9 } }, second: { mode: "fast" } }, "config");
    }),
    claim("P1", "a created run is PENDING with priority 5 and its names, and its event is stored with it", async (bench) => {
      const kernel = bench.createKernel({ workflows: [configured()] });
      const answer = await kernel.dispatch({ ...create, input: { n: 1 }, metadata: { from: "test" } });
      expectEqual(answer.status, "PENDING");
      const run = expectPresent(await bench.store.persistence.getRun(answer.workflowRunId));
      const names = { workflowId: "w", workflowName: "Workflow w", workflowType: "w" };
      expectMatch(run, { ...names, status: "PENDING", priority: 5, output: null, startedAt: null, metadata: { from: "test" } });
      expectEqual(run.createdAt, new Date(bench.environment.now()), "createdAt");
      await kernel.dispatch({ type: "outbox.flush" });
      expectMatch(bench.sink.events, [{ type: "workflow:created", workflowRunId: run.id, workflowId: "w" }]);
    }),
    claim("P1", "a refused command leaves its key free", async (bench) => {
      const kernel = bench.createKernel({ workflows: [configured()] });
      await expectRejects(kernel.dispatch({ ...create, input: { n: "x" } }));
      const answer = await kernel.dispatch({ ...create, input: { n: 1 } });
      expectPresent(await bench.store.persistence.getRun(answer.workflowRunId));
    }),
    claim("P1", "fields that no database stores are refused with their name", async (bench) => {
      const kernel = bench.createKernel({ workflows: [configured()] });
      await expectRejects(kernel.dispatch({ ...create, idempotencyKey: "a\u0000b", input: { n: 1 } }), {
        code: "INVALID_COMMAND",
        message: "idempotencyKey",
      });
      await expectRejects(kernel.dispatch({ ...create, idempotencyKey: "", input: { n: 1 } }), {
        code: "INVALID_COMMAND",
        message: "idempotencyKey",
      });
      await expectRejects(kernel.dispatch({ ...create, input: { n: 1 }, priority: 0.5 }), { code: "INVALID_COMMAND", message: "priority" });
      await expectNothingStored(bench);
    }),
    claim("P1", "an unknown command is refused by name", async (bench) => {
      const kernel = bench.createKernel({ workflows: [configured()] });
      await expectRejects(kernel.dispatch({ type: "run.fly" } as never), {
        code: "UNKNOWN_COMMAND",
        message: "Unknown command type: run.fly",
      });
    }),
  ],
};
