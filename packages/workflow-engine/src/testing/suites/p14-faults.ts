// P14 under fault plans: calls to the store fail, before they took effect or after, by a plan that repeats; runs end all the same, nothing is
// done twice that counts, and no event is lost. The same plans on every store.
import type { Kernel } from "../../kernel/kernel.ts";
import { isEnded } from "../../ports/status.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectTrue, fail } from "../claims.ts";
import { FaultPlan, type FaultTime, faulty } from "../faults.ts";
import { lookAt, type RunEnd } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { claim, type Suite, type SuiteCase } from "../suite.ts";
import { chain, step, waiting } from "../workflows.ts";

const anHour = 60 * 60_000;
const retry = { maxAttempts: 20, initialMs: 100 };
const work = (id: string) => step(id, ({ input }) => ({ after: input }), { retry });

/** Three groups: work, siblings of which one waits, work. */
const workflow = chain(
  "w",
  work("a"),
  { stages: [work("b1"), work("b2"), waiting("b3", () => ({ ready: true, output: 3 }), { retry })] },
  work("c"),
);

/** Gives a command until it is answered, as a caller does who got an error it knows nothing about. */
async function insist(bench: Bench, kernel: Kernel): Promise<string> {
  const command = { type: "run.create", idempotencyKey: "once", workflowId: "w", input: {} } as const;
  for (let tries = 0; tries < 20; tries++) {
    const created = await bench.pass(kernel.dispatch(command)).catch(() => null);
    if (created) return created.workflowRunId;
    await bench.advance(61_000); // a key held by the dispatch that failed frees itself
  }
  return fail("run.create was never answered");
}

/** Runs the workflow to its end in a host whose store fails as planned. */
async function runUnder(bench: Bench, plan: FaultPlan): Promise<RunEnd> {
  const { persistence, jobTransport, blobStore } = faulty(bench.store, plan);
  const kernel = bench.createKernel({ workflows: [workflow], persistence, jobTransport, blobStore });
  plan.arm();
  const runId = await insist(bench, kernel);
  const host = startHost(kernel, { workerId: "w1" });
  const deadline = bench.environment.now() + anHour;
  const isOver = async (): Promise<boolean> => {
    if (!isEnded((await bench.store.persistence.getRunStatus(runId)) ?? "PENDING")) return false;
    return (await bench.store.persistence.getUnpublishedOutboxEvents(1)).length === 0;
  };
  for (await bench.settle(); !(await isOver()); await bench.settle()) {
    const next = bench.environment.timers()[0];
    if (next === undefined || next > deadline) fail(`the run did not end within an hour, with ${plan.injected} faults`);
    await bench.environment.advance(Math.max(0, next - bench.environment.now()));
  }
  plan.disarm();
  await bench.pass(host.stop());
  return lookAt(bench, runId);
}

function expectWhole({ run, stages, events }: RunEnd): void {
  expectEqual(run.status, "COMPLETED", "run");
  expectEqual(
    Object.values(stages).map(({ status }) => status),
    Array.from({ length: 5 }, () => "COMPLETED"),
    "stages",
  );
  const told = new Map(events.map((event) => [event.eventId, event]));
  for (const stageId of Object.keys(stages)) {
    const ends = [...told.values()].filter((event) => event.type === "stage:completed" && event.stageId === stageId);
    expectEqual(ends.length, 1, `ends of ${stageId} told`);
  }
  const types = [...told.values()].map(({ type }) => type);
  expectEqual([types[0], types.at(-1)], ["workflow:created", "workflow:completed"], "first and last event");
}

const everyNth = (n: number, when: FaultTime): FaultPlan => new FaultPlan(({ index }) => (index % n === 0 && index < 400 ? when : null));

function underPlan(name: string, planOf: () => FaultPlan): SuiteCase {
  return claim("P14", `a run ends whole when ${name}`, async (bench) => {
    const plan = planOf();
    expectWhole(await runUnder(bench, plan));
    expectTrue(plan.injected > 0, "something failed");
  });
}

/** P14 under fault plans. */
export const faultPlansSuite: Suite = {
  name: "P14 fault plans",
  cases: [
    underPlan("every 7th call to the store is refused", () => everyNth(7, "before")),
    underPlan("the answer of every 7th call to the store is lost", () => everyNth(7, "after")),
    ...[1, 2, 3, 4].map((seed) => underPlan(`calls fail at random, seed ${seed}`, () => FaultPlan.seeded(seed, { rate: 0.15, most: 30 }))),
  ],
};
