// How an execution is settled over a store that stumbles.
import { describe, expect, it, vi } from "vitest";
import type { Unit } from "../../ports/store.ts";
import { chain, step } from "../../testing/workflows.ts";
import type { Outcome, Settled } from "../rules/settle.ts";
import { executionOf } from "./execution.test-fixture.ts";
import { settleAgain } from "./settle-again.ts";

const done: Outcome = { kind: "completed", output: "1", metrics: null, artifacts: [] };
const settledAs = (outcome: Settled["outcome"]): Settled => ({ outcome, wakeAt: null, advance: "waiting", handed: [], outputs: null });
const down = new Error("the connection broke");

/** Settles after this error, over a store that gives these answers in turn, the last one for ever; `sent` are the outcomes it was asked to commit. */
function open(error: Error, ...answers: Array<Settled | Error>) {
  const { services, execution, environment, abort } = executionOf(
    chain(
      "w",
      step("a", () => 1),
    ),
    "a",
  );
  const sent: string[] = [];
  const transact = vi.fn(async () => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const store = { transact } as never;
  const unitOf = (outcome: Outcome): Unit<Settled> => {
    sent.push(outcome.kind);
    return {} as Unit<Settled>;
  };
  const ended = settleAgain({ store, environment: services.environment }, execution.job, abort, error, done, unitOf);
  ended.catch(() => undefined);
  return { ended, sent, environment, abort };
}

describe("settleAgain", () => {
  it("P14: a commit that failed is tried again at once, so that work which is done is not done again", async () => {
    const { ended, sent, environment } = open(down, settledAs("completed"));
    expect(await ended).toEqual({ ended: done, settled: settledAs("completed") });
    expect([sent, environment.timers()]).toEqual([["completed"], []]);
  });

  it("P14: a store that is away for seconds costs no work either", async () => {
    const { ended, sent, environment } = open(down, down, down, down, settledAs("completed"));
    await environment.advance(10_000);
    expect((await ended).ended).toBe(done);
    expect(sent).toEqual(Array(4).fill("completed"));
  });

  it("P14: what the store refuses for good, the stage fails with, so that its attempts are spent", async () => {
    const { ended, sent, environment } = open(down, ...Array(8).fill(down), settledAs("retrying"));
    await environment.advance(30_000);
    expect((await ended).ended).toEqual({
      kind: "failed",
      error: 'The end of stage "a" could not be stored: the connection broke',
      isRetryable: true,
      delayMs: expect.any(Number),
    });
    expect(sent).toEqual([...Array(8).fill("completed"), "failed"]);
  });

  it("P13: gives up before anybody could take its lease for dead", async () => {
    const { ended, environment } = open(down, down);
    await environment.advance(30_000);
    await expect(ended).rejects.toBe(down);
    expect(environment.timers()).toEqual([]);
  });

  it("P2: a commit whose answer was lost stands: the caller is told of the error, not of a loss", async () => {
    const { ended } = open(down, settledAs("discarded"));
    await expect(ended).rejects.toBe(down);
  });

  it.each(["STORE_CLOSED", "IDEMPOTENCY_IN_PROGRESS", "RUN_NOT_FOUND"])("%s is not asked again", async (code) => {
    const { ended, sent } = open(Object.assign(new Error(code), { code }), settledAs("completed"));
    await expect(ended).rejects.toMatchObject({ code });
    expect(sent).toEqual([]);
  });

  it("P15: an execution that is aborted meanwhile tries no longer", async () => {
    const { ended, sent, environment, abort } = open(down, down);
    await environment.settle();
    abort.abort(new Error("stopping"));
    await environment.advance(1_000);
    await expect(ended).rejects.toBe(down);
    expect(sent.at(-1)).toBe("failed");
    expect(sent.length).toBeLessThan(4);
  });
});
