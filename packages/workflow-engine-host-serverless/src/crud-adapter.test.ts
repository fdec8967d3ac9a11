// The serverless host on an adapter of the CRUD port, which knows nothing of queues: jobs are rows of its outbox until the platform's queue
// has them (P4, P17).
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import {
  CollectingEventSink,
  createFakeEnvironment,
  InMemoryJobQueue,
  InMemoryWorkflowPersistence,
} from "@bratsos/workflow-engine/testing";
import { expect, it } from "vitest";
import type { JobMessage } from "./job-message.ts";
import { polled, step, workflowOf } from "./platform.test-fixture.ts";
import { createQueueTransport } from "./queue-transport.ts";
import { createServerlessHost } from "./serverless-host.ts";

function open() {
  const environment = createFakeEnvironment();
  const persistence = new InMemoryWorkflowPersistence({ environment });
  const sink = new CollectingEventSink();
  const sent: JobMessage[] = [];
  const queue = { isDown: false };
  const jobTransport = createQueueTransport(
    (message) => {
      if (queue.isDown) throw new Error("down");
      sent.push(message);
    },
    { environment },
  );
  const workflow = workflowOf(
    step("a", ({ attempt }) => (attempt === 1 ? Promise.reject(new Error("once")) : 1)),
    [step("b", () => 2), polled("c", async () => ({ ready: true, output: 3 }))],
    step("d", ({ input }) => input),
  );
  const registry = createRegistry([workflow]);
  const startHost = () => {
    const kernel = createKernel({ persistence, jobTransport, environment, eventSink: sink, registry });
    return { kernel, host: createServerlessHost({ kernel, jobTransport, workerId: "fn" }) };
  };
  const create = async (): Promise<string> => {
    const command = { type: "run.create", idempotencyKey: "k", workflowId: "w", input: {} } as const;
    return (await startHost().kernel.dispatch(command)).workflowRunId;
  };
  return { environment, persistence, sink, sent, queue, startHost, create };
}

it("P4, P13: goes to its end by messages that come twice, each in a process of its own", async () => {
  const { environment, persistence, sink, sent, startHost, create } = open();
  const runId = await create();
  for (let round = 0; (await persistence.getRunStatus(runId)) !== "COMPLETED" && round < 30; round++) {
    await startHost().host.runMaintenanceTick();
    for (const message of sent.splice(0)) {
      for (const { host } of [startHost(), startHost()]) if ((await host.handleJob(message)).outcome === "failed") sent.push(message);
    }
    await environment.advance(1_000);
  }
  expect(await persistence.getRun(runId)).toMatchObject({ status: "COMPLETED", output: { b: 2, c: 3 } });
  await startHost().host.runMaintenanceTick();
  const ends = sink.events.flatMap((event) => (event.type === "stage:completed" ? [event.stageId] : []));
  expect(ends.toSorted()).toEqual(["a", "b", "c", "d"]);
});

it("P17: what a queue that was down did not get it gets at the next tick; what it lost, 5 minutes later and once", async () => {
  const { environment, sent, queue, startHost, create } = open();
  await create();
  queue.isDown = true;
  await startHost().host.runMaintenanceTick();
  queue.isDown = false;
  await startHost().host.runMaintenanceTick();
  expect(sent.splice(0).map(({ stageId }) => stageId)).toEqual(["a"]);
  await environment.advance(299_000);
  await startHost().host.runMaintenanceTick();
  expect(sent).toEqual([]);
  await environment.advance(1_000);
  await startHost().host.runMaintenanceTick();
  await startHost().host.runMaintenanceTick();
  expect(sent).toHaveLength(1);
  expect(await startHost().host.handleJob(sent.shift()!)).toMatchObject({ outcome: "failed", error: "once", retryable: true });
  await environment.advance(300_000); // the queue gave it up
  await startHost().host.runMaintenanceTick();
  expect(await startHost().host.handleJob(sent.shift()!)).toEqual({ outcome: "completed" });
});

it("a job that was dequeued from a queue one asks is over there once it is handled, and stays where it is to be delivered again", async () => {
  const { environment, persistence } = open();
  const jobTransport = new InMemoryJobQueue("fn", { environment });
  const workflow = workflowOf(step("a", ({ attempt }) => (attempt === 1 ? Promise.reject(new Error("once")) : 1)));
  const kernel = createKernel({ persistence, jobTransport, environment, registry: createRegistry([workflow]) });
  const host = createServerlessHost({ kernel, jobTransport, workerId: "fn" });
  const command = { type: "run.create", idempotencyKey: "k", workflowId: "w", input: {} } as const;
  const { workflowRunId } = await kernel.dispatch(command);
  await host.runMaintenanceTick();
  const job = (await jobTransport.dequeue())!;
  expect(await host.handleJob(job)).toMatchObject({ outcome: "failed", retryable: true });
  expect(jobTransport.getJob(job.jobId)?.status).toBe("RUNNING");
  expect(await host.handleJob(job)).toEqual({ outcome: "completed" });
  expect(jobTransport.getJob(job.jobId)?.status).toBe("COMPLETED");
  expect(await persistence.getRunStatus(workflowRunId)).toBe("COMPLETED");
});
