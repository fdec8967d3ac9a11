// P15: places for user code, counted right in any order of comings and goings.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Places } from "./places.ts";

type Step = { kind: "enter" } | { kind: "leave" } | { kind: "giveUp"; age: number };
const steps = fc.array(
  fc.oneof(
    fc.constant<Step>({ kind: "enter" }),
    fc.constant<Step>({ kind: "leave" }),
    fc.nat(5).map((age): Step => ({ kind: "giveUp", age })),
  ),
  { maxLength: 60 },
);

/** A model beside the real thing: who is inside, and who waits since when. */
async function play(size: number, script: readonly Step[]): Promise<void> {
  const places = new Places(size);
  let inside = 0;
  let waiting: Array<{ since: number; answer: { value?: boolean } }> = [];
  for (const [now, step] of script.entries()) {
    if (step.kind === "enter") {
      const entered = places.enter(now);
      if (inside < size) {
        expect(entered).toBe(true);
        inside++;
      } else {
        const answer: { value?: boolean } = {};
        void Promise.resolve(entered).then((value) => (answer.value = value));
        waiting.push({ since: now, answer });
      }
    } else if (step.kind === "leave" && inside > 0) {
      places.leave();
      const [next, ...others] = waiting;
      waiting = others;
      await Promise.resolve().then(() => undefined);
      if (next)
        expect(next.answer.value).toBe(true); // the longest waiting, and nobody overtakes
      else inside--;
    } else if (step.kind === "giveUp") {
      const old = waiting.filter(({ since }) => since <= now - step.age);
      waiting = waiting.filter(({ since }) => since > now - step.age);
      expect(places.giveUp(now - step.age)).toBe(old.length);
      await Promise.resolve().then(() => undefined);
      for (const { answer } of old) expect(answer.value).toBe(false);
    }
    expect([places.free, places.waitingCount]).toEqual([size - inside, waiting.length]);
    expect(waiting.every(({ answer }) => answer.value === undefined)).toBe(true);
  }
}

describe("Places", () => {
  it("never more inside than places, none lost, none counted twice, first come first served", async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, play), { numRuns: 300 });
  });
});
