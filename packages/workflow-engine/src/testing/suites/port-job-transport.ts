// The JobTransport port: what any queue must do, the engine's own, whose jobs are stage rows, and a foreign one. A stage is created
// before its job.
import type { EnqueueJobInput } from "../../ports/job.ts";
import type { Bench } from "../bench.ts";
import { expectBetween, expectEqual, expectMatch, expectPresent } from "../claims.ts";
import { putRun, putStage } from "../port-fixture.ts";
import { claim, type Suite } from "../suite.ts";

/** A RUNNING run with PENDING stages, and the input to enqueue each. */
async function queueable(bench: Bench, ids: readonly string[], priority = 5): Promise<EnqueueJobInput[]> {
  const run = await putRun(bench, { status: "RUNNING", priority });
  const inputs: EnqueueJobInput[] = [];
  for (const [i, stageId] of ids.entries()) {
    await putStage(bench, run.id, stageId, { stageNumber: i + 1 });
    inputs.push({ workflowRunId: run.id, workflowId: "w", stageId, priority });
  }
  return inputs;
}

async function one(bench: Bench): Promise<EnqueueJobInput> {
  return expectPresent((await queueable(bench, ["a"]))[0]);
}

async function drain({ store: { jobTransport } }: Bench): Promise<string[]> {
  const ids: string[] = [];
  for (let job = await jobTransport.dequeue(); job; job = await jobTransport.dequeue()) ids.push(job.stageId);
  return ids;
}

/** The JobTransport port. */
export const jobTransportSuite: Suite = {
  name: "JobTransport",
  cases: [
    claim("port", "an empty queue gives null", async ({ store: { jobTransport } }) => {
      expectEqual(await jobTransport.dequeue(), null);
    }),
    claim("port", "what is enqueued is given once, leased, with its first attempt", async (bench) => {
      const { jobTransport } = bench.store;
      const input = await one(bench);
      const jobId = await jobTransport.enqueue(input);
      const job = await jobTransport.dequeue();
      expectMatch(job, {
        jobId,
        workflowRunId: input.workflowRunId,
        workflowId: "w",
        stageId: "a",
        priority: 5,
        attempt: 1,
        maxAttempts: 3,
      });
      expectEqual(typeof job?.payload, "object", "payload");
      expectEqual(await jobTransport.dequeue(), null, "once more");
    }),
    claim("port", "jobs enqueued together get an id each, and come all", async (bench) => {
      const ids = await bench.store.jobTransport.enqueueParallel(await queueable(bench, ["a", "b", "c"]));
      expectEqual(new Set(ids).size, 3, "ids");
      expectEqual((await drain(bench)).sort(), ["a", "b", "c"]);
    }),
    claim("port", "the most urgent comes first, then the oldest", async (bench) => {
      const { jobTransport } = bench.store;
      for (const [stageId, priority] of [
        ["second", 5],
        ["first", 9],
        ["third", 5],
        ["last", 1],
      ] as const) {
        await jobTransport.enqueueParallel(await queueable(bench, [stageId], priority));
        await bench.advance(10);
      }
      expectEqual(await drain(bench), ["first", "second", "third", "last"]);
    }),
    claim("port", "many that dequeue never share a job", async (bench) => {
      await bench.store.jobTransport.enqueueParallel(
        await queueable(
          bench,
          Array.from({ length: 12 }, (_, i) => `s${i}`),
        ),
      );
      const jobs = await bench.pass(Promise.all(Array.from({ length: 20 }, () => bench.store.jobTransport.dequeue())));
      const ids = jobs.flatMap((job) => (job ? [job.jobId] : []));
      expectEqual([ids.length, new Set(ids).size], [12, 12]);
    }),
    claim("port", "a job scheduled for later is not given before", async (bench) => {
      const { jobTransport } = bench.store;
      await jobTransport.enqueue({ ...(await one(bench)), scheduledFor: new Date(bench.environment.now() + 5_000) });
      expectEqual(await jobTransport.dequeue(), null, "before");
      await bench.advance(5_000);
      expectMatch(await jobTransport.dequeue(), { stageId: "a" });
    }),
    claim("port", "a completed job is never given again", async (bench) => {
      const { jobTransport } = bench.store;
      await jobTransport.enqueue(await one(bench));
      const job = expectPresent(await jobTransport.dequeue());
      await jobTransport.complete(job.jobId);
      await bench.advance(10 * 60_000);
      expectEqual([await jobTransport.releaseStaleJobs(1_000), await jobTransport.dequeue()], [0, null]);
    }),
    claim("port", "a failed job that is not to be retried is over", async (bench) => {
      const { jobTransport } = bench.store;
      await jobTransport.enqueue(await one(bench));
      const job = expectPresent(await jobTransport.dequeue());
      await jobTransport.fail(job.jobId, "it broke");
      await bench.advance(10 * 60_000);
      expectEqual(await jobTransport.dequeue(), null);
    }),
    claim("port", "a failed job that is to be retried comes again with the next attempt, until these are used up", async (bench) => {
      const { jobTransport } = bench.store;
      await jobTransport.enqueue(await one(bench));
      for (let attempt = 1; attempt <= 3; attempt++) {
        const job = expectPresent(await jobTransport.dequeue(), `attempt ${attempt}`);
        expectEqual([job.attempt, job.stageId], [attempt, "a"]);
        await jobTransport.fail(job.jobId, "it broke", true);
        await bench.advance(6 * 60_000);
      }
      expectEqual(await jobTransport.dequeue(), null, "after its attempts");
    }),
    claim("port", "a lease that is too old is put back, a fresh one is not", async (bench) => {
      const { jobTransport } = bench.store;
      await jobTransport.enqueueParallel(await queueable(bench, ["a", "b"]));
      const first = expectPresent(await jobTransport.dequeue());
      await bench.advance(40_000);
      expectPresent(await jobTransport.dequeue());
      await bench.advance(30_000);
      expectEqual(await jobTransport.releaseStaleJobs(), 1, "released after 60 s");
      expectMatch(await jobTransport.dequeue(), { stageId: first.stageId, attempt: 2 });
      expectEqual(await jobTransport.dequeue(), null, "the fresh one");
    }),
    claim("P14", "attempts are bounded also when every worker dies", async (bench) => {
      const { jobTransport } = bench.store;
      await jobTransport.enqueue(await one(bench));
      let given = 0;
      for (let i = 0; i < 6; i++) {
        if (await jobTransport.dequeue()) given += 1;
        await bench.advance(61_000);
        await jobTransport.releaseStaleJobs(60_000);
      }
      expectEqual(given, 3, "times it was given");
    }),
    claim(
      "P13",
      "a result of an old attempt changes nothing",
      async (bench) => {
        const { jobTransport } = bench.store;
        await jobTransport.enqueue(await one(bench));
        const old = expectPresent(await jobTransport.dequeue());
        await bench.advance(61_000);
        await jobTransport.releaseStaleJobs(60_000);
        const fresh = expectPresent(await jobTransport.dequeue());
        await jobTransport.complete(old.jobId, { attempt: old.attempt });
        await jobTransport.fail(old.jobId, "late", false, { attempt: old.attempt });
        await bench.advance(61_000);
        expectEqual(await jobTransport.releaseStaleJobs(60_000), 1, "the newer lease is still there");
        expectMatch(await jobTransport.dequeue(), { attempt: fresh.attempt + 1 });
      },
      { requires: ["fence"] },
    ),
    claim("port", "a job id that the queue has is ignored: a second delivery is harmless", async (bench) => {
      const { jobTransport } = bench.store;
      const input = await one(bench);
      const jobId = await jobTransport.enqueue(input);
      expectEqual(await jobTransport.enqueue({ ...input, jobId }), jobId);
      expectEqual(await drain(bench), ["a"]);
    }),
    claim("port", "several jobs may be taken at once", async (bench) => {
      const { jobTransport } = bench.store;
      if (!jobTransport.dequeueMany) return;
      await jobTransport.enqueueParallel(await queueable(bench, ["a", "b", "c"]));
      expectEqual((await jobTransport.dequeueMany(2)).length, 2);
      expectEqual((await jobTransport.dequeueMany(5)).length, 1);
      expectEqual(await jobTransport.dequeueMany(5), []);
    }),
    claim("port", "a heartbeat keeps a lease fresh", async (bench) => {
      const { jobTransport } = bench.store;
      if (!jobTransport.heartbeat) return;
      await jobTransport.enqueue(await one(bench));
      const job = expectPresent(await jobTransport.dequeue());
      for (let i = 0; i < 4; i++) {
        await bench.advance(40_000);
        await jobTransport.heartbeat(job.jobId);
      }
      expectEqual(await jobTransport.releaseStaleJobs(60_000), 0);
    }),
    claim("P8", "the jobs of a cancelled run are over", async (bench) => {
      const { jobTransport } = bench.store;
      if (!jobTransport.cancelByRun) return;
      const inputs = await queueable(bench, ["a", "b"]);
      await jobTransport.enqueueParallel(inputs);
      await jobTransport.enqueue(await one(bench));
      const count = await jobTransport.cancelByRun(expectPresent(inputs[0]).workflowRunId);
      expectBetween(count, 2, 2, "cancelled");
      expectEqual((await drain(bench)).length, 1, "jobs of the other run");
    }),
  ],
};
