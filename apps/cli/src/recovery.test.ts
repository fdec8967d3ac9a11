// What survives an end that nobody planned: Ctrl-C hands back, kill -9 leaves a lease behind, and `resume` goes on from both
// without executing a finished stage again.
import { afterEach, beforeEach, expect, test } from "vitest";
import { CliFolder, type CliProcess, runIdIn } from "./fixture/cli-process.ts";

let folder: CliFolder;
beforeEach(() => {
  folder = new CliFolder();
});
afterEach(() => folder.remove());

const stages = ["gather", "fold", "print", "bind"];

/** How often each stage began and ended, by the file they write to. */
function counts(what: "began" | "ended"): Record<string, number> {
  const lines = folder.lines();
  return Object.fromEntries(stages.map((stage) => [stage, lines.filter((line) => line === `${stage} ${what}`).length]));
}

async function startHeldAt(stage: string): Promise<{ running: CliProcess; runId: string; letGo: () => void }> {
  const letGo = folder.mark(stage, "hold");
  const running = folder.start(...folder.pressArgs());
  await expect.poll(() => folder.lines(), { timeout: 20_000 }).toContain(`${stage} began`);
  return { running, runId: runIdIn(running.stdout), letGo };
}

test("Ctrl-C lets the running stage end, starts no other, and resume does the rest", async () => {
  const { running, runId, letGo } = await startHeldAt("gather");
  running.kill("SIGINT");
  await expect.poll(() => running.stdout).toContain("Stopping");
  letGo();
  const interrupted = await running.ended;
  expect(interrupted.code).toBe(130);
  expect(interrupted.stdout).toContain("INTERRUPTED with 1 of 4 stages done");
  expect(interrupted.stdout).toContain(`workflow-engine resume ${runId} --db .workflow-engine/workflow-engine.db`);
  expect(folder.lines()).toEqual(["gather began", "gather ended"]);
  expect((await folder.run("list")).stdout).toContain("RUNNING");

  const resumed = await folder.run("resume", runId);
  expect(resumed.code).toBe(0);
  expect(resumed.stdout).toContain("COMPLETED");
  expect(counts("began")).toEqual({ gather: 1, fold: 1, print: 1, bind: 1 });
});

test("Ctrl-C hands a stage back that does not end in time, and resume executes it from its start", async () => {
  const { running, runId, letGo } = await startHeldAt("fold");
  running.kill("SIGINT");
  expect((await running.ended).code).toBe(130);
  letGo();
  expect((await folder.run("resume", runId)).code).toBe(0);
  expect(counts("began")).toEqual({ gather: 1, fold: 2, print: 1, bind: 1 });
  expect(counts("ended")).toEqual({ gather: 1, fold: 1, print: 1, bind: 1 });
});

test("a second Ctrl-C exits at once", async () => {
  const { running } = await startHeldAt("gather");
  running.kill("SIGINT");
  await expect.poll(() => running.stdout).toContain("Stopping");
  const askedAt = Date.now();
  running.kill("SIGINT");
  expect((await running.ended).code).toBe(130);
  expect(Date.now() - askedAt).toBeLessThan(4_000); // less than the grace of the first
});

test("after kill -9 resume does not wait for the dead process's lease, and no finished stage executes again", async () => {
  const { running, runId, letGo } = await startHeldAt("fold");
  await expect.poll(() => folder.lines()).toContain("print ended");
  running.kill("SIGKILL");
  expect((await running.ended).code).toBeNull();
  letGo();
  const askedAt = Date.now();
  const resumed = await folder.run("resume", runId);
  expect(Date.now() - askedAt).toBeLessThan(30_000); // the lease stands for 60 s
  expect(resumed.stderr).toBe("");
  expect(resumed.code).toBe(0);
  expect(resumed.stdout).toMatch(/Worker cli-\d+@\S+ is gone/);
  expect(counts("began")).toMatchObject({ gather: 1, fold: 2, bind: 1 });
  expect(counts("ended")).toMatchObject({ gather: 1, fold: 1, bind: 1 });
  expect((await folder.run("show", runId)).stdout).toMatch(/fold #1 +LOST/);
});

test("resume follows a run that a living process executes", async () => {
  const { running, runId, letGo } = await startHeldAt("fold");
  const follower = folder.start("resume", runId);
  await expect.poll(() => follower.stdout, { timeout: 20_000 }).toContain("may be alive: following it");
  letGo();
  expect((await running.ended).code).toBe(0);
  const followed = await follower.ended;
  expect(followed.code).toBe(0);
  expect(followed.stdout).toContain("COMPLETED");
  expect(counts("began")).toEqual({ gather: 1, fold: 1, print: 1, bind: 1 });
});

test("resume of an ended run says so and how to do it again", async () => {
  const runId = runIdIn((await folder.run(...folder.pressArgs())).stdout);
  const { code, stdout } = await folder.run("resume", runId);
  expect(code).toBe(0);
  expect(stdout).toContain(`Run ${runId} has already ended: COMPLETED. There is nothing to resume.`);
  expect(stdout).toContain(`workflow-engine rerun ${runId} --from gather --db`);
});
