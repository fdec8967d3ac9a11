// The store failed before and after its k-th call, for every command and every k until none is left; then the command is retried and the
// run driven to its end: nothing is lost, nothing is doubled (P2, P4, P8, P9, P14, P18).
import { afterAll, describe, expect, it } from "vitest";
import { recordFigure } from "../../../../tools/figures.ts";
import { createKernel } from "../defaults.ts";
import type { KernelCommand } from "../kernel/commands/command.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { createRegistry } from "../kernel/registry.ts";
import { createFakeEnvironment, type FakeEnvironment } from "../kernel/testing/fake-environment.ts";
import { InMemoryJobQueue } from "../memory/memory-job-queue.ts";
import { InMemoryWorkflowPersistence } from "../memory/memory-persistence.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import type { KernelEvent } from "../ports/event.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { Persistence } from "../ports/persistence.ts";
import { createSqliteStore } from "../sql/sqlite.ts";
import { type CrashScenario, crashBatchWorkflow, crashScenarios, crashWorkflow } from "./crash-scenarios.ts";
import { FaultPlan, type FaultTime, faulty } from "./faults.ts";
import { postgresSource } from "./postgres.test-fixture.ts";

interface Ports {
  persistence: Persistence;
  jobTransport: JobTransport;
  close?: (() => Promise<void>) | undefined;
}

const source = postgresSource();
afterAll(() => source.close());

const stores: Record<string, (environment: FakeEnvironment) => Ports | Promise<Ports>> = {
  memory: (environment) => createMemoryStore({ environment }),
  sqlite: (environment) => createSqliteStore({ path: ":memory:", environment }),
  storeOver: (environment) => ({
    persistence: new InMemoryWorkflowPersistence({ environment }),
    jobTransport: new InMemoryJobQueue("w", { environment }),
  }),
  postgres: async (environment) => (await source.createStore(environment)).store,
};

const registry = createRegistry([crashWorkflow, crashBatchWorkflow]);

/** Drives what is open to its end with a session of the kernel, as a host does. */
async function drive(kernel: Kernel, environment: FakeEnvironment): Promise<void> {
  const session = kernel.work.openSession({ workerId: "driver" });
  for (let round = 0; round < 30; round++) {
    const { jobs } = await session.claim(10, 0);
    const queue = [...jobs, ...(await session.take(10))];
    for (let job = queue.shift(); job; job = queue.shift()) {
      const { next } = await session.execute(job, { onCodeEnded: () => undefined, slots: () => 0 });
      queue.push(...next);
    }
    await session.pollSuspended(10);
    await session.repair(5_000);
    await session.reapStale(60_000);
    while ((await session.flush(100)) > 0);
    await environment.advance(20_000);
  }
}

/** Dispatches until it is answered: what a caller does who got an error it knows nothing about. */
async function insist(kernel: Kernel, command: KernelCommand, environment: FakeEnvironment): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await kernel.dispatch(command);
      return;
    } catch (error) {
      if (attempt === 5) throw error;
      await environment.advance(61_000); // a key held by the dispatch that died frees itself
    }
  }
}

async function crashOnce(scenario: CrashScenario, open: (typeof stores)[string], k: number, when: FaultTime): Promise<boolean> {
  const environment = createFakeEnvironment({ seed: k });
  const plan = FaultPlan.nth(k, when);
  const ports = await open(environment);
  const events: KernelEvent[] = [];
  let isSinkBroken = false;
  const emit = (event: KernelEvent): void => {
    if (isSinkBroken) throw new Error("the sink is down");
    events.push(event);
  };
  const eventSink = { emit };
  const kernel = createKernel({ ...faulty(ports, plan), registry, environment, eventSink });
  const bench = {
    kernel,
    jobTransport: ports.jobTransport,
    advance: (ms: number) => environment.advance(ms),
    breakSink: (isBroken: boolean) => {
      isSinkBroken = isBroken;
    },
  };
  const command = await scenario.prepare(bench);
  plan.arm();
  await kernel.dispatch(command).catch(() => undefined);
  plan.disarm();
  await insist(kernel, command, environment);
  await drive(kernel, environment);
  await expectWhole(scenario, ports.persistence, events);
  await ports.close?.();
  return plan.injected > 0;
}

async function expectWhole(scenario: CrashScenario, persistence: Persistence, events: KernelEvent[]): Promise<void> {
  const statuses = ["PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "FAILED", "CANCELLED"] as const;
  const runs = (await Promise.all(statuses.map((status) => persistence.getRunsByStatus(status)))).flat();
  expect(runs.map((run) => run.status)).toEqual(scenario.ends === null ? [] : [scenario.ends]);
  if (scenario.ends === null) return;
  const once = ["workflow:created", "workflow:started", ...(scenario.ends === "CANCELLED" ? ["workflow:cancelled"] : [])];
  for (const type of once) expect([type, distinct(events, type)]).toEqual([type, 1]);
  if (scenario.ends === "CANCELLED") return;
  const stages = await persistence.getStagesByRun(runs[0]!.id);
  expect(stages.every((stage) => stage.status === "COMPLETED")).toBe(true);
  const ends = scenario.command === "run.rerunFrom" ? 2 : 1;
  expect(distinct(events, "workflow:completed")).toBe(ends);
  for (const { stageId, executionGroup } of stages) {
    const times = executionGroup === 1 ? 1 : ends;
    const completed = events.filter((event) => event.type === "stage:completed" && event.stageId === stageId);
    expect([stageId, new Set(completed.map((event) => event.timestamp.getTime())).size]).toEqual([stageId, times]);
  }
}

/** How many different events of a type were told; a redelivery of one is no other event. */
function distinct(events: KernelEvent[], type: string): number {
  return new Set(events.filter((event) => event.type === type).map((event) => event.timestamp.getTime())).size;
}

describe.each(Object.keys(stores))("crashes on %s", (name) => {
  it.each(crashScenarios.map((scenario) => [`${scenario.command}: ${scenario.name}`, scenario] as const))("%s", async (_, scenario) => {
    let calls = 0;
    for (const when of ["before", "after"] as const) {
      let k = 1;
      while (await crashOnce(scenario, stores[name]!, k, when)) k++;
      expect(k).toBeGreaterThan(1); // the command made at least one call, which failed
      calls += k - 1;
    }
    const claim = `${scenario.command}, ${scenario.name}: calls failed before or after they took effect, then retried: nothing lost or doubled`;
    recordFigure({ promise: "Crashes", claim, figure: calls, store: name });
  });
});
