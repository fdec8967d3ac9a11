import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WorkflowPlan } from "../../define/plan.ts";
import { isEnded } from "../../ports/status.ts";
import type { StageState } from "../../ports/store.ts";
import { resume } from "./poll.ts";
import { reap, release } from "./reap.ts";
import { pending, planOf, refOf, run, running, takerOf } from "./rules.test-literals.ts";
import { type Outcome, type Settled, settle } from "./settle.ts";
import { startStage } from "./start-stage.ts";
import { transition } from "./transition.ts";
import { World } from "./world.test-literals.ts";

const idsOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `s${i}`);
const completes = (stageId: string): Outcome => ({ kind: "completed", output: `"${stageId}"`, metrics: null, artifacts: [] });
const suspends: Outcome = { kind: "suspended", state: "{}", metrics: null, nextPollAt: 5_000, pollIntervalMs: 1, maxWaitUntil: 9_000 };
const fails = (isRetryable: boolean): Outcome => ({ kind: "failed", error: "broke", isRetryable, delayMs: 1 });

/** How a run is driven: by a host (`advances`), or by plain commands and run.transition. */
interface Drive {
  plan: WorkflowPlan;
  advances: boolean;
}

function settleIn(world: World, { plan, advances }: Drive, stage: StageState, outcome: Outcome, slots = 0): Settled {
  const from = stage.status === "SUSPENDED" ? "SUSPENDED" : "RUNNING";
  const retry = advances ? "engine" : "nobody";
  const taker = slots > 0 ? takerOf(slots) : null;
  const options = { plan, ref: refOf(stage), outcome, from, retry, advances, taker, logs: [], progress: [] } as const;
  return world.transact(settle({ ...options, logs: [], progress: [] }), stage.stageId);
}

function moveOn(world: World, plan: WorkflowPlan): void {
  world.transact(transition({ planOf: () => plan, taker: null }));
}

describe("siblings that settle in any order", () => {
  const orders = fc.integer({ min: 1, max: 9 }).chain((count) =>
    fc.tuple(
      fc.shuffledSubarray(idsOf(count), { minLength: count }),
      fc.integer({ min: 0, max: 3 }), // slots of the worker that settles
    ),
  );

  it("P4: the last one opens the next group, exactly once, and open counts down to it without a gap", () => {
    fc.assert(
      fc.property(orders, ([order, slots]) => {
        const plan = planOf(idsOf(order.length), ["y", "z"]);
        const world = new World(
          run({ open: order.length }),
          idsOf(order.length).map((id) => running(id)),
        );
        const advances = order.map((id, i) => {
          const { advance } = settleIn(world, { plan, advances: true }, world.stages.get(id)!, completes(id), slots);
          if (i < order.length - 1) expect([world.run.group, world.run.open]).toEqual([1, order.length - i - 1]);
          return advance;
        });
        expect(advances).toEqual([...order.slice(1).map(() => "waiting"), "advanced"]);
        expect([world.run.group, world.run.open, world.stages.size]).toEqual([2, 2, order.length + 2]);
      }),
    );
  });

  it("P4: driven by plain commands, with run.transition after every one of them, it opens exactly once as well", () => {
    fc.assert(
      fc.property(orders, ([order]) => {
        const plan = planOf(idsOf(order.length), "z");
        const world = new World(
          run({ open: order.length }),
          idsOf(order.length).map((id) => running(id)),
        );
        const groups = order.map((id) => {
          settleIn(world, { plan, advances: false }, world.stages.get(id)!, completes(id));
          moveOn(world, plan);
          moveOn(world, plan);
          return world.run.group;
        });
        expect(groups).toEqual([...order.slice(1).map(() => 1), 2]);
        expect(world.run.transitionAt).toBe(null);
      }),
    );
  });
});

type Action = "start" | "complete" | "retry" | "fail" | "suspend" | "resume" | "reap" | "release" | "zombie" | "transition";

/** What may happen to a stage in this status, and what should then change nothing. */
const actionsOf: Record<string, readonly Action[]> = {
  PENDING: ["start", "start", "start", "complete", "release", "zombie", "transition"],
  RUNNING: ["complete", "retry", "fail", "fail", "suspend", "suspend", "reap", "release", "start", "resume", "zombie"],
  SUSPENDED: ["complete", "retry", "fail", "suspend", "resume", "reap", "start", "zombie"],
  COMPLETED: ["zombie", "start", "fail", "transition"],
  FAILED: ["start", "start", "start", "start", "zombie", "transition"],
};

const starts = startStage("r1", {
  instance: { id: "i1", workerId: "w1" },
  executionId: undefined,
  attempt: undefined,
  maxAttempts: undefined,
});

function act(world: World, drive: Drive, stageId: string, action: Action, past: StageState[]): void {
  const stage = world.stages.get(stageId)!;
  if (stage.status === "RUNNING") past.push(stage);
  switch (action) {
    case "start":
      return void world.transact(starts, stageId);
    case "complete":
      return void settleIn(world, drive, stage, completes(stageId));
    case "retry":
      return void settleIn(world, drive, stage, fails(true));
    case "fail":
      return void settleIn(world, drive, stage, fails(false));
    case "suspend":
      return void settleIn(world, drive, stage, suspends);
    case "resume":
      return void world.transact(resume(refOf(stage), "{}"), stageId);
    case "reap":
      return void world.transact(
        reap(refOf(stage), () => drive.plan),
        stageId,
      );
    case "release":
      return void world.transact(release(refOf(stage)), stageId);
    case "transition":
      return void moveOn(world, drive.plan);
    case "zombie": {
      const old = past.findLast((one) => one.stageId === stageId && one.executionId !== stage.executionId);
      if (!old) return;
      const before = structuredClone([...world.stages]);
      expect(settleIn(world, drive, old, completes(stageId)).outcome).toBe("discarded");
      expect([...world.stages]).toEqual(before);
    }
  }
}

const isOver = (world: World): boolean => world.run.status !== "RUNNING" || world.run.group !== 1;
const doAllWait = (world: World): boolean => world.run.suspended > 0 && world.run.suspended === world.run.open;

function assertCounted(world: World, { advances }: Drive): void {
  const group = world.group();
  const open = group.filter(({ status }) => !isEnded(status)).length;
  const waiting = group.filter(({ status }) => status === "SUSPENDED").length;
  expect([world.run.open, world.run.suspended]).toEqual([open, waiting]);
  // P17: a group that is over has moved its run on in the same commit, or is marked for run.transition
  if (!isOver(world) && open === 0) expect([advances, world.run.transitionAt !== null]).toEqual([false, true]);
  for (const { status, lease, attempt } of group) {
    if (status === "RUNNING") expect(lease).not.toBeNull();
    if (status === "PENDING" || status === "SUSPENDED") expect(lease).toBeNull();
    expect(attempt).toBeGreaterThanOrEqual(0);
  }
}

/** Ends whatever is open, as workers and pollers would, and moves the run on if nobody has. */
function finish(world: World, drive: Drive): void {
  for (let step = 0; !isOver(world) && step < 20; step++) {
    const open = world.group().find(({ status }) => !isEnded(status));
    if (!open) moveOn(world, drive.plan);
    else if (open.status === "PENDING") world.transact(starts, open.stageId);
    else settleIn(world, drive, open, completes(open.stageId));
  }
}

describe("any interleaving of start, settle, suspend, poll, reap and zombies on one group", () => {
  const histories = fc.record({
    count: fc.integer({ min: 1, max: 4 }),
    policy: fc.constantFrom("abort", "await"),
    isLast: fc.boolean(),
    advances: fc.boolean(),
    steps: fc.array(fc.tuple(fc.nat(3), fc.nat(1_000)), { maxLength: 40 }),
  });

  it("P4, P5: counters stay true, and the run ends the group in exactly one way, never past a FAILED stage", () => {
    fc.assert(
      fc.property(histories, ({ count, policy, isLast, advances, steps }) => {
        const ids = idsOf(count);
        const group = policy === "await" ? { await: ids } : ids;
        const drive: Drive = { plan: isLast ? planOf(group) : planOf(group, "z"), advances };
        const world = new World(
          run({ open: count }),
          ids.map((id) => pending(id)),
        );
        const past: StageState[] = [];
        for (const [at, pick] of steps) {
          if (isOver(world)) break;
          const before = { isWaiting: doAllWait(world), told: world.told("workflow:suspended").length };
          const stageId = ids[at % count]!;
          const possible = actionsOf[world.stages.get(stageId)!.status]!;
          act(world, drive, stageId, possible[pick % possible.length]!, past);
          assertCounted(world, drive);
          expect(world.run.suspended).toBeLessThanOrEqual(world.run.open);
          if (world.run.error !== null && policy === "abort") continue; // doomed: nobody is told that it waits
          const isNews = world.run.group === 1 && doAllWait(world) && !before.isWaiting;
          expect(world.told("workflow:suspended").length - before.told).toBe(isNews ? 1 : 0);
        }
        finish(world, drive);
        const wasAborted = [...world.stages.values()].some(({ status }) => status === "CANCELLED");
        if (policy === "await") expect(wasAborted).toBe(false);
        const hasFailed = [...world.stages.values()].some(({ status }) => status === "FAILED");
        const end = [world.run.status, world.run.group];
        expect(end).toEqual(hasFailed ? ["FAILED", 1] : isLast ? ["COMPLETED", 1] : ["RUNNING", 2]);
        assertCounted(world, drive);
        expect([world.told("workflow:failed").length, world.told("workflow:completed").length, world.stages.has("z")]).toEqual([
          hasFailed ? 1 : 0,
          !hasFailed && isLast ? 1 : 0,
          !hasFailed && !isLast,
        ]);
        const records = world.attempts.map(({ executionId }) => executionId);
        expect(new Set(records).size).toBe(records.length);
      }),
      { numRuns: 2_000 },
    );
  });
});
