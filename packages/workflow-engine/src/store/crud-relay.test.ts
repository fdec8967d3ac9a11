// The shortcut of a queue that shares the persistence's transaction, and the pair of ports in memory as people first meet them.
import { describe, expect, it } from "vitest";
import { createKernel } from "../defaults.ts";
import { createRegistry } from "../kernel/registry.ts";
import { createFakeEnvironment } from "../kernel/testing/index.ts";
import { InMemoryJobQueue } from "../memory/memory-job-queue.ts";
import { InMemoryWorkflowPersistence } from "../memory/memory-persistence.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { Persistence } from "../ports/persistence.ts";
import { CrudAdapter } from "./crud-adapter.test-double.ts";
import { CrudQueue } from "./crud-queue.test-double.ts";
import type { TransactionalTransport } from "./crud-relay.ts";
import { stageOf, workflowOf } from "./crud-world.test-double.ts";

const flaky = stageOf("b", ({ attempt }) => {
  if (attempt < 2) throw new Error("once more");
  return "b";
});
const workflow = workflowOf("w", [stageOf("a")], [flaky, stageOf("c", () => null)]);

async function runWith(persistence: Persistence, jobTransport: JobTransport, environment = createFakeEnvironment()) {
  const kernel = createKernel({ persistence, jobTransport, environment, registry: createRegistry([workflow]) });
  const { workflowRunId } = await kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "w", input: {} });
  const session = kernel.work.openSession({ workerId: "w" });
  for (let i = 0; i < 5; i++) {
    await session.claim(5, 0);
    const jobs = await session.take(5);
    await Promise.all(jobs.map((job) => session.execute(job, { onCodeEnded: () => undefined, slots: () => 0 })));
    await environment.advance(1_000);
  }
  return persistence.getRun(workflowRunId);
}

describe("ways of a job to its queue", () => {
  it("a queue in the persistence's transaction is written in it: no row of the outbox stands for a job", async () => {
    const environment = createFakeEnvironment();
    const adapter = new CrudAdapter(environment);
    const appended: string[] = [];
    const queue: CrudQueue & TransactionalTransport = Object.assign(new CrudQueue(environment), {
      inTransaction: (tx: Persistence): JobTransport => {
        appended.push(tx === adapter ? "outside" : "inside");
        return queue;
      },
    });
    expect(await runWith(adapter, queue, environment)).toMatchObject({ status: "COMPLETED", output: { b: "b", c: null } });
    expect(appended).toEqual(["inside", "inside", "inside"]);
    const rows = await adapter.getUnpublishedOutboxEvents(100);
    expect(rows.filter((row) => row.eventType.startsWith("job:"))).toEqual([]);
  });

  it("runs on the persistence and the queue in memory, which have the optional methods", async () => {
    const environment = createFakeEnvironment();
    const persistence = new InMemoryWorkflowPersistence({ environment });
    const queue = new InMemoryJobQueue("w", { environment });
    expect(await runWith(persistence, queue, environment)).toMatchObject({ status: "COMPLETED", output: { b: "b", c: null } });
    expect(queue.getJobsByStatus("COMPLETED")).toHaveLength(4);
  });
});
