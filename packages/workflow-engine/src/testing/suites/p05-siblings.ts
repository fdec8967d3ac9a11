// P5: what becomes of the others of a group when one has failed: aborted by default, awaited when the group says so.
import { FatalError } from "../../errors.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch, expectTrue } from "../claims.ts";
import { createRun, hasEnded, lookAt, stageIs } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { claim, type Suite } from "../suite.ts";
import { chain, createGate, type Gate, step } from "../workflows.ts";

interface Pair {
  gate: Gate;
  signals: AbortSignal[];
  runId: string;
}

const fatal = (): never => {
  throw new FatalError("it broke");
};

/** Two stages side by side: one fails at once, one waits at the gate. */
async function startPair(bench: Bench, onFailure?: "abort" | "await"): Promise<Pair & { stop(): Promise<void> }> {
  const gate = createGate();
  const signals: AbortSignal[] = [];
  const slow = step("slow", ({ signal }) => {
    signals.push(signal);
    return gate.wait();
  });
  const group = { stages: [step("bad", fatal), slow], ...(onFailure && { onFailure }) };
  const kernel = bench.createKernel({
    workflows: [
      chain(
        "w",
        group,
        step("last", () => "last"),
      ),
    ],
  });
  const runId = await createRun(kernel, { workflowId: "w", input: {} });
  const host = startHost(kernel);
  return { gate, signals, runId, stop: () => bench.pass(host.stop()) };
}

/** Lets time pass until something is so, with the host that runs. */
async function until(bench: Bench, isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await isSo()) return;
    await bench.advance(100);
  }
  expectTrue(await isSo(), "what was waited for came about");
}

/** P5, groups. */
export const siblingsSuite: Suite = {
  name: "P5 siblings",
  cases: [
    claim("P5", "a failed stage fails the run at once: its sibling's signal aborts, and the sibling ends CANCELLED", async (bench) => {
      const { gate, signals, runId, stop } = await startPair(bench);
      await until(bench, hasEnded(bench, runId));
      await bench.advance(1_000);
      expectEqual(
        signals.map((signal) => signal.aborted),
        [true],
        "the sibling's signal",
      );
      const { run, stages } = await lookAt(bench, runId);
      expectMatch([run.status, stages["bad"]?.status, stages["slow"]?.status], ["FAILED", "FAILED", "CANCELLED"]);
      gate.open("too late");
      await stop();
      expectMatch((await lookAt(bench, runId)).stages, { slow: { status: "CANCELLED", outputData: null } });
      expectEqual((await lookAt(bench, runId)).stages["last"], undefined, "the next group");
    }),
    claim("P5", "a group that awaits lets the sibling end well before the run fails", async (bench) => {
      const { gate, signals, runId, stop } = await startPair(bench, "await");
      await until(bench, stageIs(bench, runId, "bad", "FAILED"));
      await bench.advance(5_000);
      expectEqual(
        signals.map((signal) => signal.aborted),
        [false],
        "the sibling's signal",
      );
      expectMatch((await lookAt(bench, runId)).run, { status: "RUNNING" });
      gate.open("well");
      await until(bench, hasEnded(bench, runId));
      await stop();
      const { run, stages } = await lookAt(bench, runId);
      expectMatch([run.status, stages["slow"]?.status, stages["slow"]?.outputData], ["FAILED", "COMPLETED", "well"]);
      if (bench.has("runError")) expectEqual(run.errorMessage, "it broke");
    }),
    claim("P5", "by plain commands: the transition fails the run and aborts the sibling that runs", async (bench) => {
      const gate = createGate();
      const signals: AbortSignal[] = [];
      const slow = step("slow", ({ signal }) => {
        signals.push(signal);
        return gate.wait();
      });
      const kernel = bench.createKernel({ workflows: [chain("w", { stages: [step("bad", fatal), slow] })] });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const running = kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "slow" });
      await bench.settle();
      await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "bad" });
      expectEqual(await kernel.dispatch({ type: "run.transition", workflowRunId }), { action: "failed" });
      await bench.advance(1_000);
      expectEqual(
        signals.map((signal) => signal.aborted),
        [true],
        "the sibling's signal",
      );
      expectMatch(await bench.pass(running), { outcome: "failed", discarded: true });
      expectMatch((await lookAt(bench, workflowRunId)).stages, { bad: { status: "FAILED" }, slow: { status: "CANCELLED" } });
    }),
    claim("P5", "a group that awaits also awaits the retries of a sibling", async (bench) => {
      const flaky = step("flaky", ({ attempt }) => (attempt === 1 ? Promise.reject(new Error("once")) : "well"));
      const group = { stages: [step("bad", fatal), flaky], onFailure: "await" } as const;
      const kernel = bench.createKernel({ workflows: [chain("w", group)] });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await bench.drive(kernel, { until: hasEnded(bench, runId) });
      const { run, stages } = await lookAt(bench, runId);
      expectMatch([run.status, stages["flaky"]?.status, stages["flaky"]?.attempt], ["FAILED", "COMPLETED", 2]);
    }),
  ],
};
