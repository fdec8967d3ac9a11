// What goes wrong around a foreign queue and between processes: lost jobs, jobs delivered twice, dead workers, rivals.
import { describe, expect, it } from "vitest";
import { realEnvironment } from "../environment.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Persistence } from "../ports/persistence.ts";
import { stageOf, World, workflowOf } from "./crud-world.test-double.ts";

const two = workflowOf("two", [stageOf("a")], [stageOf("b")]);
const options = { onCodeEnded: () => undefined, slots: () => 0 };

const sessionOf = (kernel: Kernel) => kernel.work.openSession({ workerId: "w" });

/** A stage whose user code ends when the test says so. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { stage: stageOf("slow", async () => promise.then(() => "slow")), open: resolve };
}

/** The same rows as a store without versions shows them. */
function unversioned(rows: Persistence): Persistence {
  return new Proxy(rows, {
    get: (target, name) => {
      if (name === "getRun")
        return async (id: string) => {
          const run = await target.getRun(id);
          return run && { ...run, version: undefined };
        };
      if (name === "withTransaction")
        return (fn: (tx: Persistence) => unknown) => target.withTransaction(async (tx) => fn(unversioned(tx)));
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("a session over a CRUD adapter", () => {
  it("runs a workflow, with retries, under one job an execution", async () => {
    const flaky = stageOf("f", ({ attempt }) => {
      if (attempt < 3) throw new Error("again");
      return attempt;
    });
    const world = new World([workflowOf("w", [stageOf("a")], [flaky, stageOf("g")], [stageOf("z")])]);
    const runId = await world.create("w");
    const session = sessionOf(world.kernel);
    for (const ms of [0, 1_000, 2_000]) {
      expect(await session.nextWakeAt()).toBe(world.environment.now() + ms);
      await world.advance(ms);
      await world.workBySession(session);
    }
    expect(await world.run(runId)).toMatchObject({ status: "COMPLETED", output: "z" });
    expect([...world.queue.jobs.values()].map((job) => job.stageId)).toEqual(["a", "f", "g", "f", "f", "z"]);
    expect(world.queue.ofState("ended")).toHaveLength(6);
    expect(await session.nextWakeAt()).toBeNull();
  });

  it("P3: leaves jobs of workflows it does not know, and spends no attempt on them", async () => {
    const world = new World([two]);
    const runId = await world.create("two");
    await world.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
    const stranger = sessionOf(world.process([workflowOf("other", [stageOf("x")])]));
    expect(await stranger.take(10)).toEqual([]);
    expect((await world.adapter.getStagesByRun(runId))[0]).toMatchObject({ status: "PENDING", attempt: 0 });
    await world.advance(5_000);
    await world.workBySession(sessionOf(world.kernel));
    expect((await world.run(runId)).status).toBe("COMPLETED");
  });
});

describe("jobs on their way to a foreign queue", () => {
  const repairs: Array<[string, (world: World, kernel: Kernel) => Promise<unknown>]> = [
    [
      "the next look for jobs",
      (_, kernel) =>
        sessionOf(kernel)
          .take(0)
          .then(() => sessionOf(kernel).nextWakeAt()),
    ],
    ["a flush", (world, kernel) => world.events(kernel)],
    ["a repair", (_, kernel) => kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 0 })],
  ];
  for (const [name, repair] of repairs) {
    it(`P4: a crash between commit and relay loses no job: ${name} of another process sends it`, async () => {
      const world = new World([two]);
      const runId = await world.create("two");
      world.queue.isDown = true;
      await world.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
      expect(world.queue.jobs.size).toBe(0);
      world.queue.isDown = false;
      const other = world.process();
      await repair(world, other);
      await world.workBySession(sessionOf(other));
      expect((await world.run(runId)).status).toBe("COMPLETED");
      expect(await world.events()).not.toContain("job:enqueue");
    });
  }

  it("P17: a job that the queue lost is enqueued again under its id after 60 s, and not before", async () => {
    const world = new World([two]);
    const runId = await world.create("two");
    await world.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
    const [jobId] = [...world.queue.jobs.keys()];
    world.queue.jobs.clear();
    await world.advance(59_999);
    await world.kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 5_000 });
    expect(world.queue.jobs.size).toBe(0);
    await world.advance(1);
    await world.kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 5_000 });
    expect([...world.queue.jobs.keys()]).toEqual([jobId]);
    await world.work();
    expect((await world.run(runId)).status).toBe("COMPLETED");
  });

  it("P17: a job that the queue ended without executing it gets another, and a long queue gets one in ten minutes", async () => {
    const world = new World([two]);
    const runId = await world.create("two");
    await world.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
    const [job] = [...world.queue.jobs.values()];
    job!.state = "ended";
    for (let minute = 0; minute < 15; minute++) {
      await world.advance(60_000);
      await world.process().dispatch({ type: "run.reapStuck", stuckThresholdMs: 5_000 });
    }
    expect(world.queue.jobs.size).toBe(2);
    await world.work();
    expect((await world.run(runId)).status).toBe("COMPLETED");
  });

  it("P17: a run whose group ended and whose transition was lost is moved on", async () => {
    const world = new World([two]);
    const runId = await world.create("two");
    await world.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
    const { jobId, workflowRunId, workflowId, stageId } = (await world.queue.dequeue())!;
    await world.kernel.dispatch({ type: "job.execute", jobId, workflowRunId, workflowId, stageId, config: {} });
    await world.advance(5_000);
    expect(await world.kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 5_000 })).toEqual({ transitioned: 1, failed: 0 });
    await world.work();
    expect((await world.run(runId)).status).toBe("COMPLETED");
  });

  it("P9: a job delivered twice executes once, by commands and by a session", async () => {
    let executed = 0;
    const once = workflowOf("w", [stageOf("a", () => ++executed)]);
    const world = new World([once]);
    await world.create("w");
    await world.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
    const job = (await world.queue.dequeue())!;
    await Promise.all([world.execute(job), world.execute(job), world.execute(job, world.process())]);
    for (const queued of world.queue.jobs.values()) queued.state = "waiting";
    expect(await sessionOf(world.kernel).take(10)).toEqual([]);
    expect(world.queue.ofState("ended")).toHaveLength(1);
    expect(executed).toBe(1);
  });
});

describe("workers that die, and rivals", () => {
  it("P13, P14: a dead worker's stage runs again elsewhere, and what the dead one still does is discarded", async () => {
    const slow = gate();
    const world = new World([workflowOf("w", [slow.stage])]);
    const runId = await world.create("w");
    const dying = sessionOf(world.kernel);
    await dying.claim(1, 0);
    const [job] = await dying.take(1);
    const other = sessionOf(world.process());
    await world.advance(60_001);
    expect(await other.reapStale(60_000)).toBe(1);
    const [again] = await other.take(1);
    expect(again).toMatchObject({ stageId: "slow", attempt: 2 });
    slow.open();
    expect(await dying.execute(job!, options)).toMatchObject({ outcome: "discarded" });
    expect(await other.execute(again!, options)).toMatchObject({ outcome: "completed" });
    expect(await world.run(runId)).toMatchObject({ status: "COMPLETED", output: "slow" });
  });

  it("P13: a worker that heartbeats keeps its stage, and what it holds is known", async () => {
    const slow = gate();
    const world = new World([workflowOf("w", [slow.stage])]);
    await world.create("w");
    const session = sessionOf(world.kernel);
    await session.claim(1, 0);
    const [job] = await session.take(1);
    expect(await session.listLeased()).toMatchObject([{ executionId: job!.executionId }]);
    const ended = session.execute(job!, options);
    await world.advance(10 * 60_000);
    expect(await sessionOf(world.process()).reapStale(60_000)).toBe(0);
    slow.open();
    expect((await ended).outcome).toBe("completed");
    expect(await session.listLeased()).toEqual([]);
  });

  it("P8: a cancel by another process aborts the running stage within a second, and the run's jobs end", async () => {
    const seen: boolean[] = [];
    const hanging = stageOf("h", ({ signal }) => new Promise(() => signal.addEventListener("abort", () => seen.push(true))));
    const world = new World([workflowOf("w", [hanging, stageOf("sibling")])]);
    const workflowRunId = await world.create("w");
    const session = sessionOf(world.kernel);
    await session.claim(1, 0);
    const jobs = await session.take(1);
    const ended = session.execute(jobs[0]!, options);
    await world.advance(400);
    await world.process().dispatch({ type: "run.cancel", workflowRunId });
    await world.advance(1_000);
    expect(seen).toEqual([true]);
    expect((await ended).outcome).toBe("discarded");
    expect(await session.take(5)).toEqual([]);
    expect(world.queue.ofState("waiting")).toEqual([]);
  });

  it("P3: claimers share no run, and one bad run stops nobody", async () => {
    const world = new World([two]);
    const ids = await Promise.all(Array.from({ length: 20 }, () => world.create("two")));
    const row = { workflowRunId: ids[3]!, stageId: "a", stageName: "left over", stageNumber: 1, executionGroup: 1 };
    await world.adapter.createStage(row); // makes the run's first group impossible to open
    const kernels = [world.kernel, world.process(), world.process()];
    const claims = await Promise.all(kernels.map((kernel) => kernel.dispatch({ type: "run.claimPending", workerId: "w", maxClaims: 10 })));
    const claimed = claims.flatMap((claim) => claim.claimed.map((run) => run.workflowRunId));
    expect(new Set(claimed).size).toBe(claimed.length);
    await world.work();
    const statuses = await Promise.all(ids.map(async (id) => (await world.run(id)).status));
    expect(statuses.filter((status) => status !== "COMPLETED")).toEqual(["PENDING"]);
  });

  for (const [name, wrap] of [["versions", undefined] as const, ["row locks alone", unversioned] as const]) {
    it(`P4: 30 runs of 8 siblings that settle at once in two processes open each next group exactly once, by ${name}`, async () => {
      const siblings = Array.from({ length: 8 }, (_, i) => stageOf(`s${i}`));
      const wide = workflowOf("wide", siblings, [stageOf("end", ({ input }) => Object.keys(input as object).length)]);
      const world = new World([wide], realEnvironment, wrap);
      const ids = await Promise.all(Array.from({ length: 30 }, () => world.create("wide")));
      const sessions = [world.kernel, world.process()].map(sessionOf);
      await sessions[0]!.claim(30, 0);
      const taken = await Promise.all(sessions.map((session) => session.take(120)));
      expect(taken.map((jobs) => jobs.length)).toEqual([120, 120]);
      const mixed = taken.flatMap((jobs, i) => jobs.map((job) => ({ job, session: sessions[i]! })));
      await Promise.all(mixed.map(({ job, session }) => session.execute(job, options)));
      const ends = [...world.queue.jobs.values()].filter((job) => job.stageId === "end");
      expect(new Set(ends.map((job) => job.workflowRunId))).toEqual(new Set(ids));
      expect(ends).toHaveLength(30);
      await Promise.all(sessions.map((session) => world.workBySession(session)));
      for (const id of ids) expect(await world.run(id)).toMatchObject({ status: "COMPLETED", output: 8 });
    });
  }
});
