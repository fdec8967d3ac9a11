// Wake-ups: earliest first, taken once, cancelled by what they are about.
import { expect, it } from "vitest";
import { MemoryScheduler } from "./memory-scheduler.ts";

it("MemoryScheduler hands out what is due once, and forgets what is cancelled", async () => {
  const scheduler = new MemoryScheduler();
  await scheduler.schedule("stage.pollSuspended", { workflowRunId: "r2" }, new Date(2));
  await scheduler.schedule("stage.pollSuspended", { workflowRunId: "r1" }, new Date(1));
  await scheduler.schedule("stage.pollSuspended", { workflowRunId: "r3" }, new Date(3));
  await scheduler.cancel("stage.pollSuspended", "r2");
  await scheduler.cancel("other", "r1");
  expect(scheduler.takeDue(new Date(2)).map(({ payload }) => payload)).toEqual([{ workflowRunId: "r1" }]);
  expect(scheduler.takeDue(new Date(2))).toEqual([]);
  expect(scheduler.takeDue(new Date(3))).toHaveLength(1);
});

it("MemoryScheduler keeps one wake-up a command and correlation, and none that is overdue by a day", async () => {
  const dayMs = 24 * 60 * 60_000;
  let now = 0;
  const scheduler = new MemoryScheduler({ now: () => now });
  for (let i = 0; i < 5; i++) await scheduler.schedule("stage.pollSuspended", { workflowRunId: "r", stageId: i }, new Date(i));
  expect(scheduler.takeDue(new Date(9)).map(({ payload }) => payload)).toEqual([{ workflowRunId: "r", stageId: 4 }]);
  for (let i = 0; i < 10_000; i++) {
    now += dayMs / 1_000;
    await scheduler.schedule("run.claimPending", { workflowRunId: `r${i}` }, new Date(now));
  }
  expect(scheduler.takeDue(new Date(now)).length).toBeLessThan(2_100);
});
