// One look at a suspended stage.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { CheckCompletionContext } from "../../define/context.ts";
import type { CompletionResult } from "../../define/outcome.ts";
import { FatalError } from "../../errors.ts";
import type { Poll } from "../../ports/store.ts";
import { chain, waiting } from "../../testing/workflows.ts";
import { checkCompletion } from "./check-completion.ts";
import { executionOf } from "./execution.test-fixture.ts";

type Check = Parameters<typeof waiting>[1];

/** A look at now = 10,000 at a stage that is polled every 1,000 until 20,000. */
function look(check: Check, given: Partial<Poll> = {}, options: Parameters<typeof waiting>[2] = {}) {
  const opened = executionOf(chain("w", waiting("a", check, options)), "a");
  const { services, execution } = opened;
  const now = 10_000;
  const poll: Poll = {
    ...{ runId: "r1", stageId: "a", item: 0, executionId: "p1", workflowId: "w", group: 1, number: 1, attempt: 1 },
    ...{ state: '{"batchId":"b"}', config: "{}", pollIntervalMs: 1_000, maxWaitUntil: 20_000, pollFailures: 0, startedAt: 9_000 },
    ...given,
  };
  const environment = { ...services.environment, now: () => now, random: () => 0 };
  const { plan, planned, abort, teller } = execution;
  const ended = checkCompletion({ ...services, environment }, { plan, planned, abort, teller, poll });
  return { ...opened, ended, teller };
}

const failing =
  (error: unknown): Check =>
  () =>
    Promise.reject(error);

describe("checkCompletion", () => {
  it("P10: not ready: again after the interval, or when it says, never past the wait", async () => {
    const again = (nextCheckIn?: number, given?: Partial<Poll>) => look(() => ({ ready: false, nextCheckIn }), given).ended;
    expect(await again()).toEqual({ kind: "again", nextPollAt: 11_000, failures: 0 });
    expect(await again(0)).toMatchObject({ nextPollAt: 10_000 });
    expect(await again(50_000)).toMatchObject({ nextPollAt: 20_000 });
    expect(await again(50_000, { maxWaitUntil: null })).toMatchObject({ nextPollAt: 60_000 });
    expect(await again(Number.NaN)).toMatchObject({ nextPollAt: 11_000 });
  });

  it("P10: a throw is transient: logged, and looked at again with backoff, never past the wait", async () => {
    const { ended, teller } = look(failing(new Error("ECONNRESET")), { pollFailures: 2 });
    expect(await ended).toEqual({ kind: "again", nextPollAt: 14_000, failures: 3 });
    expect((await teller.close()).logs).toMatchObject([
      { level: "WARN", message: "Poll 3 failed and will be tried again: ECONNRESET", stageId: "a" },
    ]);
    expect(await look(failing("blip"), { pollFailures: 8 }).ended).toMatchObject({ nextPollAt: 20_000, failures: 9 });
  });

  it.each<[string, Check, Partial<Poll>, string]>([
    ["an explicit error", () => ({ ready: true, error: "expired", output: 1 }), {}, "expired"],
    ["an empty error", () => ({ ready: false, error: "" }), {}, ""],
    ["a FatalError", failing(new FatalError("gone")), {}, "gone"],
    [
      "the end of the wait",
      () => ({ ready: false }),
      { maxWaitUntil: 10_000 },
      "waited longer than its maxWaitTime: it was still not ready.",
    ],
    ["a throw at the end of the wait", failing(new Error("down")), { maxWaitUntil: 10_000 }, "waited longer than its maxWaitTime: down."],
  ])("P10: %s fails the stage for good", async (_, check, given, error) => {
    expect(await look(check, given).ended).toEqual({
      kind: "settle",
      outcome: { kind: "failed", error: expect.stringContaining(error), isRetryable: false, delayMs: 0 },
    });
  });

  it("P10: ready at the end of the wait is ready", async () => {
    expect(await look(() => ({ ready: true, output: 0 }), { maxWaitUntil: 10_000 }).ended).toMatchObject({
      kind: "settle",
      outcome: { kind: "completed", output: "0" },
    });
  });

  it("P6, P10: an output that will never fit, or never be JSON, fails the stage instead of being asked for again", async () => {
    const misfit = look(() => ({ ready: true, output: { n: "x" } }), {}, { output: z.object({ n: z.number() }) });
    expect(await misfit.ended).toMatchObject({ outcome: { error: expect.stringContaining('Invalid output of stage "a": n: ') } });
    const bigint = look(() => ({ ready: true, output: { n: 1n } }));
    expect(await bigint.ended).toMatchObject({ outcome: { kind: "failed", error: expect.stringContaining("cannot be stored as JSON") } });
  });

  it("P10: ready without an output executes the stage again with what it left", async () => {
    expect(await look(() => ({ ready: true })).ended).toEqual({ kind: "resume", state: '{"batchId":"b"}' });
  });

  it("P10: it gets the state and its own parsed config", async () => {
    let seen: [unknown, CheckCompletionContext["config"]] | undefined;
    const check: Check = (state, { config }): CompletionResult => {
      seen = [state, config];
      return { ready: false };
    };
    const config = z.object({ k: z.string(), d: z.number().default(7) });
    await look(check, { config: '{"a":{"k":"v"},"other":{"k":1}}' }, { config }).ended;
    expect(seen).toEqual([{ batchId: "b" }, { k: "v", d: 7 }]);
  });

  it("P15: a look that never answers ends with its abort, and is no verdict on the stage", async () => {
    const { ended, abort } = look(() => new Promise<never>(() => undefined));
    abort.abort(new Error("no answer"));
    expect(await ended).toEqual({ kind: "again", nextPollAt: 11_000, failures: 1 });
  });

  it("P7, P8: what answers after its abort stores nothing", async () => {
    const { promise, resolve } = Promise.withResolvers<CompletionResult>();
    const { ended, abort, blobStore, environment } = look(() => promise);
    abort.abort(new Error("cancelled"));
    await ended;
    resolve({ ready: true, output: "x".repeat(2_000) });
    await environment.settle();
    expect(blobStore.size()).toBe(0);
  });

  it("P7: a big output is stored under the poll's execution; metrics and embeddings come with it", async () => {
    const { ended, blobStore } = look(() => ({ ready: true, output: "x".repeat(2_000), metrics: { n: 1 }, embeddings: [1] }));
    expect(await ended).toMatchObject({
      outcome: {
        output: '{"$blob":"workflow-v2/w/r1/a/p1/output.json","bytes":2002}',
        metrics: '{"startTime":9000,"endTime":10000,"duration":1000,"n":1}',
        embeddings: "[1]",
      },
    });
    expect(blobStore.size()).toBe(1);
  });
});
