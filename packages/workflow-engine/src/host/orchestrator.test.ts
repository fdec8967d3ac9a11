// What a host does beside executing jobs, and that it stops for good.
import { describe, expect, it } from "vitest";
import { createFakeEnvironment } from "../kernel/testing/fake-environment.ts";
import type { Poll } from "../ports/store.ts";
import { createGate } from "../testing/workflows.ts";
import { resolveHostOptions } from "./options.ts";
import { Orchestrator } from "./orchestrator.ts";
import { jobOf, pollOf, SessionDouble } from "./session.test-double.ts";
import { Worker } from "./worker.ts";

function open(options: { maxSuspendedChecksPerTick?: number } = {}) {
  const environment = createFakeEnvironment();
  const session = new SessionDouble();
  const errors: unknown[] = [];
  const resolved = resolveHostOptions({ kernel: {} as never, workerId: "w1", onError: (error) => errors.push(error), ...options });
  const worker = new Worker(session, environment, { ...resolved, onJob: () => undefined });
  const orchestrator = new Orchestrator(session, environment, resolved, worker);
  return { environment, session, errors, worker, orchestrator };
}

/** The same, whose looks take until the test ends them. */
function openPolling(max: number, due: number) {
  const opened = open({ maxSuspendedChecksPerTick: max });
  const looks: Array<{ poll: Poll; end: () => void }> = [];
  opened.session.due = Array.from({ length: due }, (_, i) => pollOf(`p${i}`));
  opened.session.look = (poll) => new Promise((resolve) => looks.push({ poll, end: resolve }));
  return { ...opened, looks };
}

describe("Orchestrator", () => {
  it("P17: ticks at once and every 10 s; a part that fails keeps no other from running", async () => {
    const { environment, session, orchestrator, errors } = open();
    session.broken.add("reapStale").add("takePolls").add("flush");
    orchestrator.start();
    await environment.advance(10_000);
    expect([session.count("reapStale"), session.count("repair"), session.count("listLeased"), orchestrator.stats.ticks]).toEqual([
      2, 2, 2, 2,
    ]);
    expect(errors).toHaveLength(6);
    await orchestrator.stop();
  });

  it("P16: a signal is answered at once: events published, work looked for, waits kept", async () => {
    const { environment, session, orchestrator, worker } = open();
    orchestrator.start();
    worker.start();
    // the pause after the first publication, for which events gather
    await environment.advance(5);
    const before = { flush: session.count("flush"), take: session.count("take") };
    session.signal({ hasEvents: true, hasWork: true, wakeAt: environment.now() + 300 });
    await environment.settle();
    expect([session.count("flush") - before.flush, session.count("take") - before.take]).toEqual([1, 1]);
    const polled = session.count("takePolls");
    await environment.advance(299);
    expect(session.count("takePolls")).toBe(polled);
    await environment.advance(1);
    expect(session.count("takePolls")).toBe(polled + 1);
  });

  it("P14: what the store leases to this process and nobody knows is given back at the second tick; what runs here is not", async () => {
    const { environment, session, orchestrator, worker } = open();
    session.execution = () => new Promise(() => undefined);
    session.queue = [jobOf("mine")];
    worker.start();
    await environment.settle();
    session.leased = [jobOf("lost"), jobOf("mine")];
    orchestrator.start();
    await environment.advance(9_999);
    expect(session.released).toEqual([]);
    session.leased.push(jobOf("new"));
    await environment.advance(1);
    expect(session.released).toEqual(["lost"]);
  });

  it("P18: comes back when a failed delivery is due, without waiting for the tick", async () => {
    const { environment, session, orchestrator } = open();
    orchestrator.start();
    await environment.advance(5);
    session.retryAt = environment.now() + 1_234;
    session.signal({ hasEvents: true });
    await environment.settle();
    const flushed = session.count("flush");
    await environment.advance(1_233);
    expect(session.count("flush")).toBe(flushed);
    await environment.advance(1);
    expect(session.count("flush")).toBe(flushed + 1);
  });

  it("P18: publishes until nothing is left", async () => {
    const { environment, session, orchestrator } = open();
    session.flushes = [2_000, 2_000, 3];
    orchestrator.start();
    await environment.advance(0);
    expect(session.count("flush")).toBe(4);
  });

  it("P15: a look that takes long keeps no other from being looked at, and no more run than allowed", async () => {
    const { environment, session, orchestrator, looks } = openPolling(3, 5);
    orchestrator.start();
    await environment.advance(0);
    expect(looks.map(({ poll }) => poll.executionId)).toEqual(["p0", "p1", "p2"]);
    looks[1]!.end();
    await environment.settle();
    looks[2]!.end();
    await environment.settle();
    expect(looks.map(({ poll }) => poll.executionId)).toEqual(["p0", "p1", "p2", "p3", "p4"]);
    expect(session.due).toEqual([]);
  });

  it("P16: due work that others have to take is looked for ever more rarely, not in a loop", async () => {
    const { environment, session, orchestrator } = open();
    session.nextWakeAt = async () => environment.now();
    orchestrator.start();
    await environment.advance(9_000);
    expect(session.count("takePolls")).toBeLessThan(40);
  });
});

describe("Orchestrator.stop", () => {
  it("leaves no timer and no listener, whatever was under way", async () => {
    const { environment, session, orchestrator } = open();
    const gate = createGate();
    session.reapStale = async () => {
      await gate.wait();
      return 0;
    };
    session.wakeAt = environment.now() + 50;
    orchestrator.start();
    await environment.advance(0); // a tick is in flight
    const stopped = orchestrator.stop();
    gate.open();
    await stopped;
    expect([environment.timers(), session.listeners.size]).toEqual([[], 0]);
    const calls = session.calls.length;
    await environment.advance(60_000);
    expect([session.calls.length, orchestrator.stats.ticks]).toEqual([calls, 1]);
  });

  it("does not plan its next poll when a poll ends after the stop", async () => {
    const { environment, session, orchestrator, looks } = openPolling(1, 2);
    session.wakeAt = environment.now();
    orchestrator.start();
    await environment.advance(0);
    const stopped = orchestrator.stop();
    await environment.settle();
    looks[0]!.end();
    await stopped;
    await environment.advance(60_000);
    expect([looks.length, session.due.length, environment.timers()]).toEqual([1, 1, []]);
  });

  it("publishes once more, but not for as long as others fill the outbox", async () => {
    const { environment, session, orchestrator } = open();
    orchestrator.start();
    await environment.advance(0);
    session.flush = async () => {
      session.calls.push("flush");
      return 1; // there is always more
    };
    const before = session.count("flush");
    await orchestrator.stop();
    expect(session.count("flush") - before).toBe(1);
  });

  it("aborts its looks when it cannot wait for them", async () => {
    const { environment, session, orchestrator } = openPolling(2, 2);
    orchestrator.start();
    await environment.advance(0);
    orchestrator.abandonPolls(new Error("late"));
    expect(session.aborted).toEqual(["p0", "p1"]);
  });

  it("is over at once when nothing runs, also twice", async () => {
    const { orchestrator, environment } = open();
    orchestrator.start();
    await orchestrator.stop();
    await orchestrator.stop();
    expect(environment.timers()).toEqual([]);
  });
});
