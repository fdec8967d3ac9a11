// What a stage tells, taken by an execution that may be over.
import { expect, it } from "vitest";
import { chain, step } from "../../testing/workflows.ts";
import { executionOf } from "./execution.test-fixture.ts";

const open = () =>
  executionOf(
    chain(
      "w",
      step("a", () => 1),
    ),
    "a",
  );

it("P19: what was told and is not written is left when it ends", async () => {
  const { execution } = open();
  execution.teller.log("a", "INFO", "told", undefined);
  expect((await execution.close()).logs.map(({ message }) => message)).toEqual(["told"]);
});

it("P13: what is told for the first time after its end is told to nobody", async () => {
  const { execution, environment, logs } = open();
  expect(execution.close()).toEqual({ logs: [], progress: [] });
  execution.teller.log("a", "INFO", "late", undefined);
  await environment.advance(1_000);
  expect([logs, (await execution.close()).logs, environment.timers()]).toEqual([[], [], []]);
});
