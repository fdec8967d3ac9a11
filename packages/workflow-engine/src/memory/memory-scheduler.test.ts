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
