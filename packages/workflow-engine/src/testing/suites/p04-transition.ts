// P4: a group starts when all of the group before have ended well, exactly once, whoever ends last and whoever dies between.
import { expectEqual, expectIncludes, expectMatch } from "../claims.ts";
import { createRun, executeCommand, hasEnded, lookAt, runToEnd } from "../harness.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, step } from "../workflows.ts";

/** A wide workflow that counts what runs. */
function wide(width: number) {
  const executions: Record<string, number> = {};
  const counted = (id: string) =>
    step(id, () => {
      executions[id] = (executions[id] ?? 0) + 1;
      return id;
    });
  const siblings = Array.from({ length: width }, (_, i) => counted(`s${i}`));
  return { executions, workflow: chain("w", counted("first"), { stages: siblings }, counted("last")) };
}

/** P4. */
export const transitionSuite: Suite = {
  name: "P4 transition",
  cases: [
    ...bothWays("P4", "groups run one after the other, each stage once, all told in order", async (bench) => {
      const order: string[] = [];
      const stages = ["a", "b", "c"].map((id) => step(id, () => order.push(id)));
      const kernel = bench.createKernel({ workflows: [chain("w", ...stages)] });
      const { run, events } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectEqual(order, ["a", "b", "c"]);
      expectMatch(run, { status: "COMPLETED", output: 3 });
      const each = ["stage:started", "stage:completed"];
      expectEqual(
        events.map(({ type }) => type),
        ["workflow:created", "workflow:started", ...each, ...each, ...each, "workflow:completed"],
      );
    }),
    ...bothWays("P4", "thirty siblings that end in the same instant open the next group exactly once", async (bench) => {
      const { executions, workflow } = wide(30);
      const kernel = bench.createKernel({ workflows: [workflow] });
      const { run } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectMatch(run, { status: "COMPLETED", output: "last" });
      expectEqual(Object.keys(executions).length, 32, "stages executed");
      expectEqual(
        Object.values(executions).every((count) => count === 1),
        true,
        "each once",
      );
      expectEqual(bench.sink.getByType("workflow:completed").length, 1, "workflow:completed");
    }),
    claim("P4", "siblings that end in several processes at once open the next group exactly once", async (bench) => {
      const { executions, workflow } = wide(12);
      const benches = [bench, await bench.reopen(), await bench.reopen()];
      const kernels = benches.map((each) => each.createKernel({ workflows: [workflow] }));
      const runId = await createRun(kernels[0]!, { workflowId: "w", input: {} });
      await bench.drive(kernels[0]!, { until: async () => (await lookAt(bench, runId)).stages["s0"] !== undefined });
      const executed = Array.from({ length: 12 }, async (_, i) => {
        const kernel = kernels[i % 3]!;
        await kernel.dispatch({ type: "job.execute", workflowRunId: runId, workflowId: "w", stageId: `s${i}` });
        return (await kernel.dispatch({ type: "run.transition", workflowRunId: runId })).action;
      });
      const actions = await bench.pass(Promise.all(executed));
      expectEqual(actions.filter((action) => action === "advanced").length, 1, "advanced");
      await bench.drive(kernels[0]!, { until: hasEnded(bench, runId) });
      expectEqual(executions["last"], 1, "the last stage's executions");
    }),
    claim("P4", "ten transitions at once: one advances, the others do nothing", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
            step("b", () => 2),
          ),
        ],
      });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "a" });
      const asked = Array.from({ length: 10 }, () => kernel.dispatch({ type: "run.transition", workflowRunId }));
      const answers = await bench.pass(Promise.all(asked));
      expectEqual(answers.filter(({ action }) => action === "noop").length, 9, "noop");
      expectIncludes(answers, { action: "advanced", nextGroup: 2 });
    }),
    claim("P4", "a dispatched job.execute does not open the next group; run.transition does, and answers what happened", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
            step("b", () => 2),
          ),
        ],
      });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      const transition = { type: "run.transition", workflowRunId } as const;
      expectEqual(await kernel.dispatch(transition), { action: "noop" }, "before the start");
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      expectEqual(await kernel.dispatch(transition), { action: "noop" }, "while a stage is open");
      await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "a" });
      expectEqual((await lookAt(bench, workflowRunId)).stages["b"], undefined, "the next stage before the transition");
      expectEqual(await kernel.dispatch(transition), { action: "advanced", nextGroup: 2 });
      await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "b" });
      expectEqual(await kernel.dispatch(transition), { action: "completed" });
      expectEqual(await kernel.dispatch(transition), { action: "noop" }, "after the end");
    }),
    claim("P4", "no job is to be had before the commit that opens its stage", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
          ),
        ],
      });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "outbox.flush" });
      expectEqual(await bench.store.jobTransport.dequeue(), null, "a job before the claim");
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await kernel.dispatch({ type: "outbox.flush" });
      const job = await bench.store.jobTransport.dequeue();
      expectMatch(job, { workflowRunId: runId, stageId: "a", attempt: 1 });
      expectEqual(await bench.store.jobTransport.dequeue(), null, "a second job");
      expectMatch(await kernel.dispatch(executeCommand(job!)), { outcome: "completed", output: 1 });
    }),
    claim("P4", "a group in which a stage is left unfinished does not open the next", async (bench) => {
      const group = { stages: [step("a", () => 1), step("b", () => 2)] };
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            group,
            step("last", () => 3),
          ),
        ],
      });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "b" });
      expectEqual(await kernel.dispatch({ type: "run.transition", workflowRunId }), { action: "noop" });
      await bench.drive(kernel, { until: hasEnded(bench, workflowRunId) });
      expectMatch((await lookAt(bench, workflowRunId)).run, { status: "COMPLETED", output: 3 });
    }),
  ],
};
