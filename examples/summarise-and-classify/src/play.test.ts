// The example against the local server: held by a small budget, finished by a larger one.
import { expect, it } from "vitest";
import { play } from "./main.ts";

it("is held, goes on, and says what it cost", { timeout: 60_000 }, async () => {
  const { line, wasHeld, dollars } = await play();
  expect(line).toMatch(/^\[\w+!?\] ./);
  expect([wasHeld, dollars > 0]).toEqual([true, true]);
});
