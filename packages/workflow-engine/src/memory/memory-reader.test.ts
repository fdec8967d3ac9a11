// Pages that neither repeat nor lose a row, and one run in full.
import { beforeEach, describe, expect, it } from "vitest";
import type { RunRecord } from "../ports/run.ts";
import { createFixture, instance, type RunFixture, START, stage } from "./runs.test-fixture.ts";

let fixture: RunFixture;
beforeEach(() => {
  fixture = createFixture();
});

describe("the reader of a memory store", () => {
  it("pages through runs newest first, whatever arrives in between", async () => {
    for (const id of ["a", "b_1", "c", "d", "e"]) {
      await fixture.create(id, { workflowId: id === "e" ? "other" : "w" });
      if (id !== "b_1") fixture.now += 1;
    }
    const { reader } = fixture.whole;
    const seen: RunRecord[] = [];
    let cursor: string | undefined;
    do {
      const page = await reader.listRuns({}, { limit: 2, cursor });
      seen.push(...page.items);
      cursor = page.nextCursor ?? undefined;
      await fixture.create(`late-${seen.length}`);
    } while (cursor);
    expect(seen.map(({ id }) => id)).toEqual(["e", "d", "c", "b_1", "a"]);
    const filtered = await reader.listRuns({
      workflowId: "other",
      status: "PENDING",
      createdAfter: new Date(START),
      createdBefore: new Date(START + 9),
    });
    expect(filtered).toMatchObject({ items: [{ id: "e" }], nextCursor: null });
    expect(await reader.countRuns()).toEqual([
      { workflowId: "other", status: "PENDING", count: 1 },
      { workflowId: "w", status: "PENDING", count: 7 },
    ]);
  });

  it("shows a run in full", async () => {
    const { reader, store } = { reader: fixture.whole.reader, store: fixture.store };
    expect(await reader.getRunDetail("r1")).toBeNull();
    await fixture.start(stage("a"), stage("b", { number: 2 }));
    await store.takeJobs({ instance, max: 1, workflowIds: ["w"] });
    await fixture.change("r1", {
      stages: [{ stageId: "a", item: 0, set: {}, payloads: { progress: '{"progress":0.5,"message":"half"}' } }],
      artifacts: [{ stageId: "a", key: "k", type: "ARTIFACT", data: "[1]", bytes: 3 }],
    });
    expect(await reader.getRunDetail("r1")).toMatchObject({
      run: { id: "r1", status: "RUNNING", input: { a: 1 } },
      stages: [
        { stageId: "a", status: "RUNNING", executionId: "x-a", workerId: "worker", progress: { progress: 0.5, message: "half" } },
        { stageId: "b", status: "PENDING", nextPollAt: new Date(START) },
      ],
      artifacts: [{ key: "k", data: [1], size: 3, workflowStageId: "r1/a/0" }],
    });
    expect(await reader.listAttempts("r1")).toMatchObject([{ stageId: "a", status: "RUNNING", startedAt: new Date(START), endedAt: null }]);
    expect(await reader.listAttempts("r1", "b")).toEqual([]);
  });

  it("pages through logs oldest first, at most 500 a page", async () => {
    await fixture.start(stage("a"));
    const line = { stageId: "a", item: 0, level: "INFO" as const, metadata: '{"n":1}' };
    await fixture.change("r1", { logs: Array.from({ length: 600 }, (_, i) => ({ ...line, message: String(i), at: START + i })) });
    const first = await fixture.whole.reader.listLogs("r1", { limit: 9999 });
    expect(first.items).toHaveLength(500);
    const rest = await fixture.whole.reader.listLogs("r1", { limit: 500, cursor: first.nextCursor! });
    expect([rest.items.length, rest.items.at(-1)!.message, rest.nextCursor]).toEqual([100, "599", null]);
    expect((await fixture.whole.reader.listLogs("r1")).items).toHaveLength(50);
    expect(first.items[0]).toMatchObject({ message: "0", workflowStageId: "r1/a/0", metadata: { n: 1 } });
  });
});
