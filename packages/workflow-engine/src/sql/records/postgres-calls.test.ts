// Model calls on PostgreSQL (P23): what a model was asked or said may hold anything, a call that the database will not take keeps no other
// from being written, and of those who close one at once one does.
import { describe, expect, it } from "vitest";
import type { OpenCall } from "../../ports/ledger.ts";
import { createTestStores } from "../postgres-stores.test-fixture.ts";
import { changing, newRun } from "../runs.test-fixture.ts";
import { call } from "./store.test-fixture.ts";

const { open } = await createTestStores();

const usage = { inputTokens: 1, outputTokens: 1, costPico: 5n };
const end = { status: "ok", response: "", usage: { ...usage, inputTokens: 99 }, latencyMs: 1 } as const;
const opening = (id: string): OpenCall => {
  const texts = { topic: "t", callType: "text", modelKey: "m", modelId: "m", prompt: "p" } as const;
  return { id, ...texts, worst: usage, price: null, runId: "r", stageId: null, attempt: null, executionId: null };
};

describe("a model call", () => {
  it("is kept whatever it was asked and answered, with what no database takes replaced", async () => {
    const { ledger } = open("texts").aiCallLogger;
    expect(await ledger.openCall({ ...opening("c"), prompt: "a\0b\ud800" })).toBeNull();
    expect(await ledger.closeCall("c", { ...end, response: "c\0d", error: "\0" })).toBe(true);
    const texts = { prompt: "a\ufffdb\ufffd", response: "c\ufffdd", error: "\ufffd", status: "ok" };
    expect(await ledger.listCalls({ topicPrefix: "t" })).toMatchObject([texts]);
  });

  it("is kept beside one that is refused, which is told once and keeps nothing from being written (P20)", async () => {
    const { aiCallLogger } = open("refused");
    for (const tokens of [1, 1e300, 2]) aiCallLogger.logCall({ ...call("t"), inputTokens: tokens });
    aiCallLogger.logCall({ ...call("t"), prompt: "a\0b" });
    await expect(aiCallLogger.getStats("t")).rejects.toMatchObject({ code: "STORE_REFUSED" });
    expect(await aiCallLogger.getStats("t")).toMatchObject({ totalCalls: 3 });
  });

  it("that many close at once is closed by one of them and counted once", async () => {
    const store = open("closers");
    const { ledger } = store.aiCallLogger;
    await store.runStore.transact(changing("r", { create: newRun }));
    for (let n = 1; n <= 5; n++) {
      await ledger.openCall(opening(`c${n}`));
      const closed = await Promise.all(Array.from({ length: 4 }, () => ledger.closeCall(`c${n}`, end)));
      expect(closed.filter(Boolean)).toHaveLength(1);
      expect(await store.persistence.getRun("r")).toMatchObject({ totalTokens: n * 100 });
    }
  });

  it("does not keep a wake-up of a name that no database takes from others", async () => {
    const { scheduler, environment } = open("timers");
    const at = new Date(environment.now());
    for (const correlationId of ["a\0b", "c"]) await scheduler.schedule("x", { correlationId }, at);
    expect(await scheduler.takeDue(at)).toHaveLength(2);
  });
});
