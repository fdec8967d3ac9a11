// A day-long OpenAI batch, played in seconds: the real SDK, the documented protocol, a fake clock.
import { expect, it } from "vitest";
import { play } from "./play.ts";

it("P24: a batch of a day and one for what it left undone; every review gets its verdict, and the ledger is the bill", {
  timeout: 60_000,
}, async () => {
  const { run, stages, server, hours, spentPico } = await play(40);
  expect([run.status, run.output]).toEqual(["COMPLETED", { happy: 30, angry: 10, unknown: 0 }]);
  expect(hours).toBeGreaterThanOrEqual(48);
  expect(server.batches.map(({ items }) => items.length)).toEqual([40, 4]);
  expect([server.violations, stages["classify"]?.attempt]).toEqual([[], 1]);
  // gpt-4.1-mini: $0.40 and $1.60 a million tokens, half of it in a batch
  const { inputTokens, outputTokens } = server.billed();
  const most = BigInt(inputTokens) * 200_000n + BigInt(outputTokens) * 800_000n;
  expect(spentPico).toBe(most);
});
