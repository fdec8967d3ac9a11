// P2: one key, one effect, one answer; key, effect and result commit together, and a dead worker's key frees itself.
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch, expectRejects, expectTrue } from "../claims.ts";
import { createRun, hasEnded, lookAt } from "../harness.ts";
import { claim, type Suite } from "../suite.ts";
import { chain, createGate, step } from "../workflows.ts";

const workflow = () =>
  chain(
    "w",
    step("a", ({ input }) => input),
  );
const create = { type: "run.create", idempotencyKey: "k", workflowId: "w", input: { n: 1 } } as const;
const never = new Promise<never>(() => undefined);

async function countRuns({ store }: Bench): Promise<number> {
  return (await store.persistence.getRunsByStatus("PENDING")).length;
}

/** P2. */
export const exactlyOnceSuite: Suite = {
  name: "P2 exactly once",
  cases: [
    claim("P2", "the same key answers the same run, and there is one", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow()] });
      const first = await kernel.dispatch(create);
      expectEqual(await kernel.dispatch(create), first);
      expectEqual(await countRuns(bench), 1, "runs");
      await kernel.dispatch({ type: "outbox.flush" });
      expectEqual(bench.sink.getByType("workflow:created").length, 1, "events");
    }),
    claim("P2", "another process gets the same answer", async (bench) => {
      const first = await bench.createKernel({ workflows: [workflow()] }).dispatch(create);
      const other = await bench.reopen();
      expectEqual(await other.createKernel({ workflows: [workflow()] }).dispatch(create), first);
      expectEqual(await countRuns(bench), 1, "runs");
    }),
    claim("P2", "twenty rivals make one run: each gets its id or learns that another is at it", async (bench) => {
      const kernels = [bench, await bench.reopen()].map((each) => each.createKernel({ workflows: [workflow()] }));
      const rivals = Array.from({ length: 20 }, (_, i) => kernels[i % 2]!.dispatch(create));
      const ended = await bench.pass(Promise.allSettled(rivals));
      const ids = new Set(ended.flatMap((end) => (end.status === "fulfilled" ? [end.value.workflowRunId] : [])));
      expectEqual(ids.size, 1, "different ids");
      for (const end of ended) if (end.status === "rejected") expectMatch(end.reason, { code: "IDEMPOTENCY_IN_PROGRESS" });
      expectEqual(await countRuns(bench), 1, "runs");
    }),
    claim("P2", "the same key with another payload is refused, never somebody else's answer", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow()] });
      await kernel.dispatch(create);
      await expectRejects(kernel.dispatch({ ...create, input: { n: 2 } }), {
        code: "IDEMPOTENCY_CONFLICT",
        name: "IdempotencyConflictError",
      });
      await expectRejects(kernel.dispatch({ ...create, config: { a: { x: 1 } } }), { code: "IDEMPOTENCY_CONFLICT" });
      await expectRejects(kernel.dispatch({ ...create, priority: 9 }), { code: "IDEMPOTENCY_CONFLICT" });
      expectEqual(await countRuns(bench), 1, "runs");
    }),
    claim("P2", "keys of different command types are different keys", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow()] });
      const { workflowRunId } = await kernel.dispatch(create);
      await bench.drive(kernel, { until: hasEnded(bench, workflowRunId) });
      const rerun = { type: "run.rerunFrom", workflowRunId, fromStageId: "a", idempotencyKey: create.idempotencyKey } as const;
      const first = await kernel.dispatch(rerun);
      expectEqual(await kernel.dispatch(rerun), first, "the rerun's own answer");
    }),
    claim("P2", "a stage executed twice under one key runs once and answers the same", async (bench) => {
      let executions = 0;
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => ({ n: (executions += 1) })),
          ),
        ],
      });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const execute = { type: "job.execute", idempotencyKey: "job", workflowRunId, workflowId: "w", stageId: "a", config: {} } as const;
      expectMatch(await kernel.dispatch(execute), { outcome: "completed", output: { n: 1 } });
      expectMatch(await kernel.dispatch(execute), { outcome: "completed", output: { n: 1 } });
      expectEqual(executions, 1, "executions");
    }),
    claim("P2", "a rival that comes while the command executes is told so", async (bench) => {
      const gate = createGate();
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => gate.wait()),
          ),
        ],
      });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const execute = { type: "job.execute", idempotencyKey: "job", workflowRunId, workflowId: "w", stageId: "a" } as const;
      const first = kernel.dispatch(execute);
      await bench.settle();
      const rival = (await bench.reopen()).createKernel({ workflows: [workflow()] });
      const message = 'Command "job.execute" with idempotency key "job" is already in progress';
      await expectRejects(rival.dispatch(execute), { code: "IDEMPOTENCY_IN_PROGRESS", name: "IdempotencyInProgressError", message });
      gate.open(5);
      expectMatch(await bench.pass(first), { outcome: "completed", output: 5 });
    }),
    claim("P2", "a dead worker's key frees itself", async (bench) => {
      let isDead = true;
      const workflows = [
        chain(
          "w",
          step("a", () => (isDead ? never : "done")),
        ),
      ];
      const kernel = bench.createKernel({ workflows, heartbeatIntervalMs: 10 ** 9 });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const execute = { type: "job.execute", idempotencyKey: "job", workflowRunId, workflowId: "w", stageId: "a" } as const;
      void kernel.dispatch(execute).catch(() => undefined);
      await bench.advance(61_000);
      isDead = false;
      const other = (await bench.reopen()).createKernel({ workflows });
      await other.dispatch({ type: "lease.reapStale", staleThresholdMs: 60_000 });
      expectMatch(await bench.pass(other.dispatch(execute)), { outcome: "completed", output: "done" });
    }),
    claim("P2", "what fails before its commit leaves the key free", async (bench) => {
      const { runStore } = bench.store;
      const key = {
        key: "k",
        commandType: "test",
        hash: "h",
        mode: "once",
        resultOf: (result: unknown) => result,
        replay: (stored: unknown) => stored,
      } as const;
      const run = {
        workflowId: "w",
        workflowName: "W",
        workflowVersion: "1",
        priority: 5,
        startAt: null,
        metadata: null,
        parentRunId: null,
      };
      const broken = runStore.transact({
        runId: "r1",
        key,
        decide: () => {
          throw new Error("no");
        },
      });
      await expectRejects(bench.pass(broken), { message: "no" });
      const create = { ...run, input: "{}", config: "{}" };
      const unit = { runId: "r1", key, decide: () => ({ result: { made: 1 }, create }) };
      expectEqual(await bench.pass(runStore.transact(unit)), { made: 1 });
      expectEqual(await bench.pass(runStore.transact(unit)), { made: 1 }, "replay");
      expectTrue((await bench.store.persistence.getRun("r1")) !== null, "the run is there");
    }),
    claim("P2", "a rerun under one key happens once", async (bench) => {
      let executions = 0;
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => (executions += 1)),
          ),
        ],
      });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      const until = hasEnded(bench, workflowRunId);
      await bench.drive(kernel, { until });
      const rerun = { type: "run.rerunFrom", workflowRunId, fromStageId: "a", idempotencyKey: "again" } as const;
      const first = await kernel.dispatch(rerun);
      bench.sink.clear();
      await bench.drive(kernel, { until });
      expectEqual(await kernel.dispatch(rerun), first);
      await bench.advance(10_000);
      expectEqual(executions, 2, "executions");
      expectMatch((await lookAt(bench, workflowRunId)).run, { status: "COMPLETED", output: 2 });
    }),
  ],
};
