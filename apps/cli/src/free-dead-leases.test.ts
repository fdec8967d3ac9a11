// The lease of a killed process, on a store in memory: a worker that takes a stage and is heard of no more.
import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { createKernel, createMemoryStore, createRegistry, type RunDetail } from "@bratsos/workflow-engine";
import { beforeEach, expect, test } from "vitest";
import { press } from "./fixture/press.ts";
import { freeDeadLeases } from "./free-dead-leases.ts";

let store: ReturnType<typeof createMemoryStore>;
let kernel: ReturnType<typeof createKernel>;
let runId: string;

const newKernel = () => createKernel({ ...store, registry: createRegistry([press]) });

/** A process that is gone takes the run's first stage under the label it would have given itself. */
async function takeAs(label: (instanceId: string) => string): Promise<RunDetail> {
  const gone = newKernel();
  const { instance } = gone.work.openSession({ workerId: "unnamed" });
  const session = gone.work.openSession({ workerId: label(instance.id) });
  expect(await session.claim(1, 1)).toMatchObject({ claimed: 1, jobs: [{ stageId: "gather" }] });
  return requireDetail();
}

async function requireDetail(): Promise<RunDetail> {
  const detail = await store.reader.getRunDetail(runId);
  if (!detail) throw new Error("no run");
  return detail;
}

beforeEach(async () => {
  store = createMemoryStore();
  kernel = newKernel();
  const command = { type: "run.create", idempotencyKey: "one", workflowId: "press", input: { journal: "none" } } as const;
  runId = (await kernel.dispatch(command)).workflowRunId;
});

test("a dead process of this machine loses its stages at once, the lost attempt on record", async () => {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const detail = await takeAs((instanceId) => `cli-${pid}@${hostname()}#${instanceId}`);
  expect(await freeDeadLeases(kernel, store.runStore, detail)).toMatchObject({ gone: [detail.stages[0]?.workerId], holding: [] });
  expect((await requireDetail()).stages[0]).toMatchObject({ status: "PENDING", attempt: 1 });
  expect(await store.reader.listAttempts(runId)).toMatchObject([{ stageId: "gather", attempt: 1, status: "LOST" }]);
});

test.for<[who: string, label: (instanceId: string, deadPid: number) => string]>([
  ["a living process of this machine", (instanceId) => `cli-${process.pid}@${hostname()}#${instanceId}`],
  ["a process of another machine", (instanceId, deadPid) => `cli-${deadPid}@elsewhere#${instanceId}`],
  ["a worker that is not ours", () => "worker-7"],
])("%s keeps its stages", async ([, label]) => {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const detail = await takeAs((instanceId) => label(instanceId, pid));
  expect(await freeDeadLeases(kernel, store.runStore, detail)).toMatchObject({ gone: [], holding: [detail.stages[0]?.workerId] });
  expect((await requireDetail()).stages[0]).toMatchObject({ status: "RUNNING" });
});
