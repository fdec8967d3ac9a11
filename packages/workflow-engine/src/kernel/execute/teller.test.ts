// Log lines and progress of one execution, on their way out.
import { describe, expect, it } from "vitest";
import type { DraftEvent } from "../../ports/event.ts";
import type { LogRow } from "../../ports/store.ts";
import { createFakeEnvironment } from "../testing/fake-environment.ts";
import { Teller } from "./teller.ts";

/** A teller and what it wrote, a write a row; `answers` are given in turn, then true. */
function open(answers: Array<boolean | Error> = []) {
  const environment = createFakeEnvironment();
  const writes: string[][] = [];
  let losses = 0;
  const tell = async (logs: LogRow[], progress: DraftEvent[]): Promise<boolean> => {
    const answer = answers.shift() ?? true;
    if (answer instanceof Error) throw answer;
    writes.push([...logs.map(({ message }) => message), ...progress.map((event) => String(event["message"]))]);
    return answer;
  };
  const teller = new Teller(environment, tell, () => void losses++);
  const log = (message: string): void => teller.log("a", "INFO", message, undefined);
  return { environment, writes, teller, log, losses: () => losses };
}

describe("Teller", () => {
  it("P19: the first line is written at once, those after it gathered", async () => {
    const { environment, writes, log } = open();
    log("one");
    await environment.advance(0);
    expect(writes).toEqual([["one"]]);
    for (let i = 0; i < 50; i++) log(`line ${i}`);
    await environment.advance(99);
    expect(writes).toHaveLength(1);
    await environment.advance(1);
    expect([writes.length, writes[1]?.length]).toEqual([2, 50]);
    expect(environment.timers()).toEqual([]);
  });

  it("P19: what is left at the end rides the settling commit, and nothing is added after it", async () => {
    const { environment, writes, teller, log } = open();
    log("one");
    teller.progress("a", { progress: 1, message: "half" });
    const left = await teller.close();
    log("late");
    teller.progress("a", { progress: 2, message: "late" });
    expect(left.logs.map(({ message }) => message)).toEqual(["one"]);
    expect(left.progress).toEqual([{ type: "stage:progress", stageId: "a", progress: 1, message: "half" }]);
    await environment.advance(1_000);
    expect([writes, environment.timers()]).toEqual([[], []]);
  });

  it("P19: a write that failed is tried again while the stage runs, in order, without a new line", async () => {
    const { environment, writes, log } = open([new Error("down"), new Error("down")]);
    log("one");
    await environment.advance(0);
    log("two");
    await environment.advance(5_000);
    expect(writes).toEqual([["one", "two"]]);
    expect(environment.timers()).toEqual([]);
  });

  it("P19: a write that fails once the stage has ended sets no timer", async () => {
    const environment = createFakeEnvironment();
    const { promise, reject } = Promise.withResolvers<boolean>();
    const teller = new Teller(
      environment,
      () => promise,
      () => undefined,
    );
    teller.log("a", "INFO", "one", undefined);
    await environment.advance(0);
    teller.log("a", "INFO", "two", undefined);
    const left = teller.close();
    reject(new Error("down"));
    await environment.advance(0);
    expect(environment.timers()).toEqual([]);
    // whoever settles the stage takes along what could not be written
    expect((await left).logs.map(({ message }) => message)).toEqual(["one", "two"]);
  });

  it("P13: an execution that has lost its stage hears of it", async () => {
    const { environment, log, losses } = open([false]);
    log("one");
    await environment.advance(0);
    expect(losses()).toBe(1);
  });

  it("P19: progress is kept as it was told, and as JSON: no detail keeps the stage's end from being stored", async () => {
    const { teller } = open();
    const details: Record<string, unknown> = { n: 1, at: new Date(0) };
    teller.progress("a", { progress: 0.5, message: "m\u0000", details });
    details["n"] = 2;
    teller.progress("a", { progress: 1, message: "m", details: { big: 1n } });
    expect((await teller.close()).progress.map((event) => [event["message"], event["details"]])).toEqual([
      ["m\uFFFD", { n: 1, at: "1970-01-01T00:00:00.000Z" }],
      ["m", { unserializable: expect.stringContaining("BigInt") }],
    ]);
  });

  it("P19: metadata that is no JSON says so, and the line is told", async () => {
    const { teller } = open();
    const circular: Record<string, unknown> = Object.create(null);
    circular["self"] = circular;
    teller.log("a", "WARN", "m", circular);
    teller.log("a", "WARN", "n", { x: 1 });
    const [first, second] = (await teller.close()).logs;
    expect([first?.metadata, second?.metadata]).toEqual([expect.stringContaining("unserializable"), '{"x":1}']);
  });
});
