// P15: the job loop of a host.
import { describe, expect, it } from "vitest";
import type { SessionExecuteOptions } from "../kernel/session.ts";
import { createFakeEnvironment } from "../kernel/testing/fake-environment.ts";
import type { Job } from "../ports/store.ts";
import { jobOf, SessionDouble } from "./session.test-double.ts";
import { Worker } from "./worker.ts";

interface UnderWay {
  job: Job;
  options: SessionExecuteOptions;
  /** Ends the user code, and the commit after it. */
  end(next?: Job[], outcome?: string): void;
  fail(): void;
}

/** A worker of two places over a session whose executions end when the test says so. */
function open({ concurrency = 2, isHeld = true } = {}) {
  const environment = createFakeEnvironment();
  const session = new SessionDouble();
  const underWay: UnderWay[] = [];
  if (isHeld) {
    session.execution = (job, options) =>
      new Promise((resolve, reject) => {
        const end: UnderWay["end"] = (next = [], outcome = "completed") => {
          options.onCodeEnded();
          resolve({ next, outcome });
        };
        underWay.push({ job, options, end, fail: () => reject(new Error("the store is out of reach")) });
      });
  }
  const [errors, outcomes]: [unknown[], string[]] = [[], []];
  const worker = new Worker(session, environment, {
    concurrency,
    onError: (error) => void errors.push(error),
    onJob: (outcome) => void outcomes.push(outcome),
  });
  const ids = (): string[] => underWay.map(({ job }) => job.executionId);
  const queue = (...names: string[]): void => void session.queue.push(...names.map(jobOf));
  return { environment, session, underWay, errors, outcomes, worker, ids, queue };
}

describe("Worker", () => {
  it("runs as much user code at a time as it has places, and goes on as they come free", async () => {
    const { worker, queue, ids, underWay, environment } = open();
    queue("1", "2", "3");
    worker.start();
    await environment.settle();
    expect(ids()).toEqual(["1", "2"]);
    underWay[0]!.end();
    await environment.settle();
    expect(ids()).toEqual(["1", "2", "3"]);
  });

  it("asks for twice as many while they run quickly, and a look that others kept from finding any does not count", async () => {
    const { worker, session, queue, environment } = open({ isHeld: false });
    const asked: number[] = [];
    const take = session.take.bind(session);
    session.take = async (max) => {
      asked.push(max);
      return asked.length % 2 === 0 ? [] : take(max);
    };
    queue(...Array.from({ length: 60 }, (_, i) => String(i)));
    worker.start();
    for (let looks = 0; looks < 6; looks++) {
      await environment.settle();
      await environment.advance(50);
      worker.wake();
    }
    await environment.settle();
    expect(asked.filter((_, i) => i % 2 === 0).slice(0, 4)).toEqual([2, 4, 8, 16]);
  });

  it("a stage that waits for its commit holds no place", async () => {
    const { worker, queue, ids, underWay, environment } = open({ concurrency: 1 });
    queue("1", "2");
    worker.start();
    await environment.settle();
    underWay[0]!.options.onCodeEnded();
    await environment.settle();
    expect([ids(), worker.leased.size]).toEqual([["1", "2"], 2]);
  });

  it("what its commit handed over goes on without a look into the queue", async () => {
    const { worker, queue, ids, underWay, environment, session } = open();
    queue("1");
    worker.start();
    await environment.settle();
    const asked = session.count("take");
    underWay[0]!.end([jobOf("1b"), jobOf("1c")]);
    await environment.settle();
    expect(ids()).toEqual(["1", "1c", "1b"]);
    expect([session.count("take") - asked, [...worker.leased.keys()]]).toEqual([0, ["1c", "1b"]]);
  });

  it("every place comes back, however a job ends: also one that never came to its code", async () => {
    const { worker, queue, environment, session, errors } = open({ isHeld: false });
    let executions = 0;
    session.execution = async (_, { onCodeEnded }) => {
      const kind = executions++ % 4;
      if (kind === 0) return { next: [], outcome: "released" }; // its stage is unknown here
      if (kind === 1) throw new Error("before its code");
      onCodeEnded();
      if (kind === 2) throw new Error("after its code");
      onCodeEnded(); // told twice, counted once
      return { next: [], outcome: "completed" };
    };
    queue(...Array.from({ length: 200 }, (_, i) => String(i)));
    worker.start();
    for (let i = 0; i < 200; i++) {
      worker.wake();
      await environment.advance(10);
    }
    expect([executions, errors.length, worker.leased.size]).toEqual([200, 100, 0]);
    // if one place were lost or counted twice, this would not be two
    const held: Array<() => void> = [];
    session.execution = (_, { onCodeEnded }) =>
      new Promise((resolve) => {
        held.push(() => {
          onCodeEnded();
          resolve({ next: [], outcome: "completed" });
        });
      });
    queue("a", "b", "c", "d");
    worker.wake();
    await environment.settle();
    expect(held).toHaveLength(2);
  });

  it("what waits a second behind slow stages is given back, for other workers", async () => {
    const { worker, session, environment, ids, queue } = open({ concurrency: 1 });
    session.take = async () => session.queue.splice(0); // more than it can run, as after a time of quick stages
    queue("slow", "2", "3");
    worker.start();
    await environment.advance(999);
    expect([ids(), session.released]).toEqual([["slow"], []]);
    await environment.advance(1);
    expect([ids(), session.released]).toEqual([["slow"], ["2", "3"]]);
    expect(environment.timers()).toEqual([]);
  });

  it("P14: when one of take and claim fails, what the other leased runs all the same", async () => {
    const { worker, queue, ids, session, environment, errors } = open();
    queue("1");
    session.broken.add("claim");
    worker.start();
    await environment.settle();
    expect([ids(), errors.length]).toEqual([["1"], 1]);
    const other = open();
    other.session.broken.add("take");
    other.session.claim = async () => ({ claimed: 1, runIds: ["1"], jobs: [jobOf("1")] });
    other.worker.start();
    await other.environment.settle();
    expect([other.ids(), other.errors.length]).toEqual([["1"], 1]);
  });

  it("a store out of reach is asked again at the next wake, not in a loop", async () => {
    const { worker, queue, ids, session, environment } = open();
    queue("1");
    for (const method of ["take", "claim"]) session.broken.add(method);
    worker.start();
    await environment.advance(60_000);
    expect(session.count("take")).toBe(1);
    session.broken.clear();
    worker.wake();
    await environment.settle();
    expect(ids()).toEqual(["1"]);
  });

  it("P14: a job whose end could not be stored is known as leased no longer, so that it can be found", async () => {
    const { worker, queue, underWay, environment, errors } = open();
    queue("1");
    worker.start();
    await environment.settle();
    underWay[0]!.fail();
    await environment.settle();
    expect([worker.leased.size, errors.length]).toEqual([0, 1]);
  });
});

describe("Worker.stop", () => {
  it("waits for what runs, gives back what waits, takes nothing more", async () => {
    const { worker, session, underWay, environment, queue, ids } = open({ concurrency: 1 });
    session.take = async () => session.queue.splice(0);
    queue("1", "2", "3");
    worker.start();
    await environment.settle();
    let isStopped = false;
    const stopped = worker.stop().then(() => (isStopped = true));
    queue("4");
    worker.wake();
    await environment.settle();
    expect([session.released, isStopped, ids()]).toEqual([["2", "3"], false, ["1"]]);
    underWay[0]!.end();
    await stopped;
    expect([ids(), environment.timers()]).toEqual([["1"], []]);
  });

  it("gives back what a commit handed over when it had begun to stop", async () => {
    const { worker, underWay, environment, queue, ids, session } = open();
    queue("1");
    worker.start();
    await environment.settle();
    const stopped = worker.stop();
    expect(underWay[0]!.options.slots()).toBe(0);
    underWay[0]!.end([jobOf("1b"), jobOf("1c")]);
    await stopped;
    expect([ids(), session.released.toSorted()]).toEqual([["1"], ["1b", "1c"]]);
  });

  it("gives back what a look into the queue brings when it had begun to stop", async () => {
    const { worker, environment, ids, session } = open();
    const { promise, resolve } = Promise.withResolvers<Job[]>();
    session.take = () => promise;
    worker.start();
    await environment.settle();
    const stopped = worker.stop();
    resolve([jobOf("1")]);
    await stopped;
    expect([ids(), session.released]).toEqual([[], ["1"]]);
  });

  it("is over at once when nothing runs, also twice and also before a start", async () => {
    const { worker } = open();
    await worker.stop();
    worker.start();
    await worker.stop();
    await worker.stop();
  });

  it("does not hang on a job that cannot be given back", async () => {
    const { worker, session, environment, queue, underWay, errors } = open({ concurrency: 1 });
    session.take = async () => session.queue.splice(0);
    session.broken.add("release");
    queue("1", "2");
    worker.start();
    await environment.settle();
    const stopped = worker.stop();
    await environment.settle();
    underWay[0]!.end();
    await stopped;
    expect([worker.leased.size, errors.length]).toEqual([0, 1]);
  });

  it("abandon gives back what runs and aborts it, also when the store is out of reach", async () => {
    const { worker, session, environment, queue } = open();
    queue("1");
    worker.start();
    await environment.settle();
    session.broken.add("release");
    await expect(worker.abandon(new Error("late"))).rejects.toThrow("out of reach");
    expect(session.aborted).toEqual(["1"]);
  });
});
