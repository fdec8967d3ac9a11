// P9: an ended run goes on from a stage; what came after is forgotten, cost stays, and leftovers of old executions touch nothing.
import { isBlobReference } from "../../ports/blob-store.ts";
import type { StageRecord } from "../../ports/stage.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch, expectPresent, expectRejects, expectTrue, fail } from "../claims.ts";
import { createRun, driveCommands, hasEnded, lookAt, runToEnd } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, createGate, step } from "../workflows.ts";

/** Three stages that count their executions; `b` fails while `isBroken`. */
function counted() {
  const counts = { a: 0, b: 0, c: 0, isBroken: false };
  const workflow = chain(
    "w",
    step("a", () => ({ a: (counts.a += 1) })),
    step("b", ({ input }) => {
      if (counts.isBroken) throw new Error("it broke");
      return { b: (counts.b += 1), input };
    }),
    step("c", ({ input }) => ({ c: (counts.c += 1), input })),
  );
  return { counts, workflow };
}

function rerunOf(bench: Bench, workflowRunId: string, fromStageId: string) {
  bench.sink.clear();
  return { type: "run.rerunFrom", workflowRunId, fromStageId } as const;
}

function blobKeyOf(stage: StageRecord | undefined): string {
  const output = stage?.outputData;
  return isBlobReference(output) ? output.$blob : fail("the output is not kept as a blob");
}

/** P9. */
export const rerunSuite: Suite = {
  name: "P9 rerun",
  cases: [
    ...bothWays(
      "P9",
      "from COMPLETED: the target group opens again, what came before stays, what came after is forgotten",
      async (bench) => {
        const { counts, workflow } = counted();
        const kernel = bench.createKernel({ workflows: [workflow] });
        const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        await bench.store.persistence.updateRun(runId, { totalCost: 1.5, totalTokens: 10 });
        const answer = await kernel.dispatch(rerunOf(bench, runId, "b"));
        expectEqual(
          { ...answer, deletedStages: [...answer.deletedStages].sort() },
          { workflowRunId: runId, fromStageId: "b", deletedStages: ["b", "c"] },
        );
        const reopened = await lookAt(bench, runId);
        expectMatch(reopened.run, { status: "RUNNING", output: null, duration: null, completedAt: null, totalCost: 1.5, totalTokens: 10 });
        expectMatch(reopened.stages, { a: { status: "COMPLETED" }, b: { status: "PENDING", outputData: null, attempt: 0 } });
        expectEqual(reopened.stages["c"], undefined, "the stage after");
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: { c: 2, input: { b: 2, input: { a: 1 } } } });
        expectEqual([counts.a, counts.b, counts.c], [1, 2, 2], "executions");
      },
    ),
    ...bothWays("P9", "from FAILED: old errors leave run and stage, attempts begin again", async (bench) => {
      const { counts, workflow } = counted();
      counts.isBroken = true;
      const kernel = bench.createKernel({ workflows: [workflow] });
      const { runId, run } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectEqual(run.status, "FAILED");
      counts.isBroken = false;
      await kernel.dispatch(rerunOf(bench, runId, "b"));
      expectEqual((await lookAt(bench, runId)).run.errorMessage ?? null, null, "the run's error");
      await bench.drive(kernel, { until: hasEnded(bench, runId) });
      const end = await lookAt(bench, runId);
      expectEqual(end.run.status, "COMPLETED");
      expectMatch(end.stages, { b: { status: "COMPLETED", attempt: 1, errorMessage: null } });
    }),
    ...bothWays("P9", "from CANCELLED", async (bench) => {
      const { workflow } = counted();
      const kernel = bench.createKernel({ workflows: [workflow] });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.cancel", workflowRunId });
      await kernel.dispatch(rerunOf(bench, workflowRunId, "a"));
      await bench.drive(kernel, { until: hasEnded(bench, workflowRunId) });
      expectMatch((await lookAt(bench, workflowRunId)).run, { status: "COMPLETED" });
    }),
    claim("P9", "a run that has not ended is refused, and stays as it is", async (bench) => {
      const kernel = bench.createKernel({ workflows: [counted().workflow] });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      const rerun = { type: "run.rerunFrom", workflowRunId, fromStageId: "a" } as const;
      await expectRejects(kernel.dispatch(rerun), { code: "RUN_STATE", message: "Cannot rerun workflow in PENDING state." });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await expectRejects(kernel.dispatch(rerun), { code: "RUN_STATE", message: "Cannot rerun workflow in RUNNING state." });
      await driveCommands(bench, kernel, { until: hasEnded(bench, workflowRunId) });
      expectMatch((await lookAt(bench, workflowRunId)).run, { status: "COMPLETED" });
    }),
    ...bothWays("P9", "every earlier group must be COMPLETED, and the stage must exist", async (bench) => {
      const { counts, workflow } = counted();
      counts.isBroken = true;
      const kernel = bench.createKernel({ workflows: [workflow] });
      const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      const message = "Cannot rerun from stage c: previous stages have not been executed";
      await expectRejects(kernel.dispatch(rerunOf(bench, runId, "c")), { code: "RUN_STATE", message });
      await expectRejects(kernel.dispatch(rerunOf(bench, runId, "nope")), {
        code: "STAGE_NOT_FOUND",
        message: "Stage nope not found in workflow w",
      });
      await expectRejects(kernel.dispatch(rerunOf(bench, "nobody", "a")), { code: "RUN_NOT_FOUND" });
      expectMatch((await lookAt(bench, runId)).run, { status: "FAILED" });
    }),
    ...bothWays("P9", "a rerun of a parallel group opens all of it", async (bench) => {
      const counts = { x: 0, y: 0 };
      const group = { stages: [step("x", () => (counts.x += 1)), step("y", () => (counts.y += 1))] };
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
            group,
          ),
        ],
      });
      const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      await kernel.dispatch(rerunOf(bench, runId, "y"));
      await bench.drive(kernel, { until: hasEnded(bench, runId) });
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: { x: 2, y: 2 } });
    }),
    claim("P9", "an old execution that ends after the rerun is discarded, its number being the same or not", async (bench) => {
      const gate = createGate();
      let executions = 0;
      const isFirst = (): boolean => (executions += 1) === 1;
      const workflows = [
        chain(
          "w",
          step("a", () => (isFirst() ? gate.wait() : "new")),
        ),
      ];
      const kernel = bench.createKernel({ workflows });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const old = kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "a" });
      await bench.settle();
      await kernel.dispatch({ type: "run.cancel", workflowRunId });
      await kernel.dispatch(rerunOf(bench, workflowRunId, "a"));
      const other = (await bench.reopen()).createKernel({ workflows });
      await bench.drive(other, { until: hasEnded(bench, workflowRunId) });
      gate.open("old");
      expectMatch(await bench.pass(old), { outcome: "failed", discarded: true });
      const { run, stages } = await lookAt(bench, workflowRunId);
      expectMatch([run.status, run.output, stages["a"]?.attempt], ["COMPLETED", "new", 1]);
      expectEqual(bench.sink.getByType("stage:completed").length, 1, "stage:completed");
    }),
    claim("P9", "a leftover job of the old execution executes nothing of the new one", async (bench) => {
      const { counts, workflow } = counted();
      const kernel = bench.createKernel({ workflows: [workflow] });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await kernel.dispatch({ type: "outbox.flush" });
      const leftover = expectPresent(await bench.store.jobTransport.dequeue(), "the old job");
      await kernel.dispatch({ type: "run.cancel", workflowRunId });
      await kernel.dispatch(rerunOf(bench, workflowRunId, "a"));
      const { jobId, attempt, stageId } = leftover;
      const late = await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId, jobId, attempt });
      expectMatch(late, { outcome: "failed", discarded: true });
      await bench.store.jobTransport.fail(jobId, "late", true, { attempt });
      expectEqual(counts.a, 0, "executions by the old job");
      await driveCommands(bench, kernel, { until: hasEnded(bench, workflowRunId) });
      expectEqual([(await lookAt(bench, workflowRunId)).run.status, counts.a], ["COMPLETED", 1]);
    }),
    claim("P9", "a rerun's big output is another blob than the old one's", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => "x".repeat(40_000)),
          ),
        ],
      });
      const { runId, stages } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      const first = blobKeyOf(stages["a"]);
      await kernel.dispatch(rerunOf(bench, runId, "a"));
      await bench.drive(kernel, { until: hasEnded(bench, runId) });
      const rerun = await lookAt(bench, runId);
      const second = blobKeyOf(rerun.stages["a"]);
      expectTrue(first !== second, "the keys differ");
      expectEqual(await bench.store.blobStore.get(second), "x".repeat(40_000));
    }),
    claim(
      "P9",
      "the attempts of before stay on record",
      async (bench) => {
        const { counts, workflow } = counted();
        counts.isBroken = true;
        const kernel = bench.createKernel({ workflows: [workflow] });
        const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        counts.isBroken = false;
        await kernel.dispatch(rerunOf(bench, runId, "b"));
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        const attempts = await expectPresent(bench.store.reader).listAttempts(runId, "b");
        const told = attempts.map(({ attempt, status }) => `${attempt} ${status}`);
        expectEqual(told, ["1 FAILED", "2 FAILED", "3 FAILED", "1 COMPLETED"]);
      },
      { requires: ["reader", "attempts"] },
    ),
    claim("P9", "a host takes a rerun up by itself", async (bench) => {
      const { workflow } = counted();
      const kernel = bench.createKernel({ workflows: [workflow] });
      const host = startHost(kernel);
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await bench.advance(20_000);
      await kernel.dispatch(rerunOf(bench, runId, "c"));
      await bench.advance(20_000);
      await bench.pass(host.stop());
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: { c: 2 } });
    }),
  ],
};
