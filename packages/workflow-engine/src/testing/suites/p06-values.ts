// P6: where a stage's data comes from, that all of it is parsed, and that falsy values are values.
import { z } from "zod";
import { expectEqual, expectIncludes, expectMatch, expectPresent } from "../claims.ts";
import { createRun, driveCommands, executeQueued, lookAt, runToEnd } from "../harness.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, chainOf, type StepContext, step } from "../workflows.ts";

const input = { secret: "the run's input" };

/** P6, what flows. */
export const valuesSuite: Suite = {
  name: "P6 values",
  cases: [
    ...bothWays("P6", "the first group gets the run's input, each later one the output of the group before", async (bench) => {
      const seen: unknown[] = [];
      const next = (id: string) =>
        step(id, (ctx) => {
          seen.push(ctx.input);
          return { from: id };
        });
      const kernel = bench.createKernel({ workflows: [chain("w", next("a"), next("b"), next("c"))] });
      const { run } = await runToEnd(bench, kernel, { workflowId: "w", input });
      expectEqual(seen, [input, { from: "a" }, { from: "b" }]);
      expectEqual(run.output, { from: "c" });
    }),
    ...bothWays("P6", "after a parallel group the input is keyed by stage id, also when the group has one stage", async (bench) => {
      const seen: unknown[] = [];
      const look = (id: string) =>
        step(id, (ctx) => {
          seen.push(ctx.input);
          return id;
        });
      const both = { stages: [step("x", () => 1), step("y", () => 2)] };
      const kernel = bench.createKernel({ workflows: [chain("w", both, look("a"), { stages: [step("only", () => 3)] }, look("b"))] });
      await runToEnd(bench, kernel, { workflowId: "w", input });
      expectEqual(seen, [{ x: 1, y: 2 }, { only: 3 }]);
    }),
    ...bothWays("P6", '0, "", false and null are values, on every way they take', async (bench) => {
      const falsy = [0, "", false, null];
      for (const value of falsy) {
        const seen: unknown[] = [];
        const see = (id: string, look: (ctx: StepContext) => unknown[]) =>
          step(id, (ctx) => {
            seen.push(...look(ctx));
            return value;
          });
        const group = { stages: [see("x", (ctx) => [ctx.input]), step("y", () => value)] };
        const look = see("c", (ctx) => [ctx.input, ctx.require("a"), ctx.workflowContext["x"]]);
        const kernel = bench.createKernel({
          workflows: [
            chain(
              "w",
              step("a", () => value),
              group,
              look,
            ),
          ],
        });
        const { run, stages, events } = await runToEnd(bench, kernel, { workflowId: "w", input });
        expectEqual(seen, [value, { x: value, y: value }, value, value], `what stages saw of ${JSON.stringify(value)}`);
        expectMatch([run.status, run.output, stages["a"]?.outputData], ["COMPLETED", value, value]);
        expectEqual((events.at(-1) as { output?: unknown }).output, value, "workflow:completed");
      }
    }),
    ...bothWays("P6", "the run's input may be falsy", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", (ctx) => ({ got: ctx.input })),
          ),
        ],
      });
      expectEqual((await runToEnd(bench, kernel, { workflowId: "w", input: 0 })).run.output, { got: 0 });
      expectEqual((await runToEnd(bench, kernel, { workflowId: "w", input: null })).run.output, { got: null });
    }),
    ...bothWays("P6", "the run's output is the last group's, on the run and on workflow:completed", async (bench) => {
      const group = { stages: [step("x", () => ({ n: 1 })), step("y", () => [2])] };
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => "first"),
            group,
          ),
        ],
      });
      const { run, events } = await runToEnd(bench, kernel, { workflowId: "w", input });
      expectEqual(run.output, { x: { n: 1 }, y: [2] });
      expectMatch(events.at(-1), { type: "workflow:completed", output: { x: { n: 1 }, y: [2] } });
    }),
    ...bothWays("P6", "a stage sees the outputs of earlier groups, never a sibling's", async (bench) => {
      const seen: Record<string, string[]> = {};
      const look = (id: string) => step(id, (ctx) => void (seen[id] = Object.keys(ctx.workflowContext).sort()));
      const kernel = bench.createKernel({ workflows: [chain("w", look("a"), { stages: [look("x"), look("y")] }, look("z"))] });
      await runToEnd(bench, kernel, { workflowId: "w", input });
      expectEqual(seen, { a: [], x: ["a"], y: ["a"], z: ["a", "x", "y"] });
    }),
    ...bothWays("P6", "a stage that takes no input is handed an empty object", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 5),
            step("b", (ctx) => ctx.input, { input: "none" }),
          ),
        ],
      });
      expectEqual((await runToEnd(bench, kernel, { workflowId: "w", input })).run.output, {});
    }),
    claim("P6", "a missing output is an error that names it, never silently the run's input", async (bench) => {
      const seen: unknown[] = [];
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
            step("b", (ctx) => seen.push(ctx.input)),
          ),
        ],
      });
      const runId = await createRun(kernel, { workflowId: "w", input });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await kernel.dispatch({ type: "outbox.flush" });
      await executeQueued(bench, kernel);
      const { stages } = await lookAt(bench, runId);
      await bench.store.persistence.deleteStage(expectPresent(stages["a"], "stage a").id);
      expectPresent(stages["b"], "stage b");
      await driveCommands(bench, kernel, { until: async () => (await lookAt(bench, runId)).run.status === "FAILED" });
      expectIncludes((await lookAt(bench, runId)).stages["b"]?.errorMessage, '"a"', "the error");
      expectEqual(seen, [], "what b was given");
    }),
    ...bothWays("P6", "a required output that is not there is an error that names what is", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
            step("b", (ctx) => ctx.require("nope")),
          ),
        ],
      });
      const { stages } = await runToEnd(bench, kernel, { workflowId: "w", input });
      expectMatch(stages, {
        b: { status: "FAILED", attempt: 1, errorMessage: 'Missing required stage output: "nope". Available stages: a' },
      });
    }),
    ...bothWays("P6", "input, output and config are parsed by their schemas", async (bench) => {
      const seen: unknown[] = [];
      const look = (ctx: StepContext): unknown => {
        seen.push(ctx.input, ctx.config);
        return { n: "7" };
      };
      const parsed = step("b", look, {
        input: z.object({ at: z.coerce.date() }),
        output: z.object({ n: z.coerce.number(), tag: z.string().default("t") }),
        config: z.object({ limit: z.coerce.number().default(3) }),
      });
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => ({ at: "2025-01-01" })),
            parsed,
          ),
        ],
      });
      const { run } = await runToEnd(bench, kernel, { workflowId: "w", input });
      expectEqual(seen, [{ at: new Date("2025-01-01") }, { limit: 3 }]);
      expectEqual(run.output, { n: 7, tag: "t" });
    }),
    ...bothWays("P6", "an output that does not fit fails the stage with the field path, and nothing of it is stored", async (bench) => {
      const odd = step("a", () => ({ items: [{ n: 1 }, { n: "x" }] }), {
        output: z.object({ items: z.array(z.object({ n: z.number() })) }),
      });
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            odd,
            step("b", () => 1),
          ),
        ],
      });
      const { run, stages } = await runToEnd(bench, kernel, { workflowId: "w", input });
      expectMatch([run.status, run.output, stages["a"]?.outputData, stages["b"]], ["FAILED", null, null, undefined]);
      expectIncludes(stages["a"]?.errorMessage, "items.1.n");
      expectIncludes(stages["a"]?.errorMessage, '"a"');
    }),
    ...bothWays("P6", "an input that does not fit fails the stage with the field path", async (bench) => {
      const picky = step("b", () => 1, { input: z.object({ deep: z.object({ n: z.number() }) }) });
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => ({ deep: { n: "x" } })),
            picky,
          ),
        ],
      });
      const { stages } = await runToEnd(bench, kernel, { workflowId: "w", input });
      expectIncludes(stages["b"]?.errorMessage, "deep.n");
    }),
    ...bothWays("P6", "a declared output is enforced: a run whose output does not fit it fails with the field path", async (bench) => {
      const workflow = chainOf(
        { id: "w", output: z.object({ n: z.number() }) },
        step("a", ({ input }) => input),
      );
      const kernel = bench.createKernel({ workflows: [workflow] });
      expectMatch((await runToEnd(bench, kernel, { workflowId: "w", input: { n: 1 } })).run, { status: "COMPLETED", output: { n: 1 } });
      const { run, events } = await runToEnd(bench, kernel, { workflowId: "w", input: { n: "x" } });
      expectMatch([run.status, run.output], ["FAILED", null]);
      expectIncludes((events.at(-1) as { error?: string }).error, "n: ");
    }),
  ],
};
