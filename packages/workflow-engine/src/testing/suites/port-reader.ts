// The Reader port: lists with keyset pages, one run in full.
import type { Page, PageRequest } from "../../ports/reader.ts";
import { readerOf } from "../bench.ts";
import { expectEqual, expectMatch, expectPresent } from "../claims.ts";
import { lookAt, runToEnd } from "../harness.ts";
import { putRun, putStage } from "../port-fixture.ts";
import { claim, type Suite } from "../suite.ts";
import { chain, resultStep, step } from "../workflows.ts";

const requires = ["reader"] as const;

/** Every item of a list, page by page. */
async function all<T>(list: (page: PageRequest) => Promise<Page<T>>, limit: number): Promise<{ items: T[]; pages: number }> {
  const items: T[] = [];
  let pages = 0;
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page<T> = await list({ limit, ...(cursor !== undefined && { cursor }) });
    items.push(...page.items);
    cursor = page.nextCursor;
    pages += 1;
  }
  return { items, pages };
}

/** The Reader port. */
export const readerSuite: Suite = {
  name: "Reader",
  cases: [
    claim(
      "port",
      "runs are listed newest first, page by page, each once, also when several began in one instant",
      async (bench) => {
        const ids: string[] = [];
        for (let i = 0; i < 11; i++) {
          ids.push((await putRun(bench)).id);
          if (i % 3 === 2) await bench.advance(10);
        }
        const { items, pages } = await all((page) => readerOf(bench).listRuns({}, page), 4);
        expectEqual([items.length, new Set(items.map(({ id }) => id)).size, pages], [11, 11, 3]);
        expectEqual(
          items.every(({ createdAt }, i) => i === 0 || createdAt <= items[i - 1]!.createdAt),
          true,
          "newest first",
        );
        expectEqual(items.map(({ id }) => id).sort(), ids.sort());
      },
      { requires },
    ),
    claim(
      "port",
      "what begins while somebody pages shifts nothing",
      async (bench) => {
        for (let i = 0; i < 4; i++) {
          await putRun(bench, { id: `r${i}` });
          await bench.advance(10);
        }
        const first = await readerOf(bench).listRuns({}, { limit: 2 });
        await putRun(bench, { id: "new" });
        const second = await readerOf(bench).listRuns({}, { limit: 2, cursor: expectPresent(first.nextCursor) });
        expectEqual(
          [...first.items, ...second.items].map(({ id }) => id),
          ["r3", "r2", "r1", "r0"],
        );
        expectEqual(second.nextCursor, null);
      },
      { requires },
    ),
    claim(
      "port",
      "runs are narrowed by workflow, status and time, together too",
      async (bench) => {
        const times: Date[] = [];
        for (const [i, workflowId] of ["a", "b", "a", "b"].entries()) {
          times.push(new Date(bench.environment.now()));
          await putRun(bench, { id: `r${i}`, workflowId, status: i < 2 ? "COMPLETED" : "PENDING" });
          await bench.advance(10);
        }
        const list = async (filter: Parameters<ReturnType<typeof readerOf>["listRuns"]>[0]) =>
          (await readerOf(bench).listRuns(filter)).items.map(({ id }) => id);
        expectEqual(await list({ workflowId: "a" }), ["r2", "r0"]);
        expectEqual(await list({ status: "PENDING" }), ["r3", "r2"]);
        expectEqual(await list({ workflowId: "b", status: "PENDING" }), ["r3"]);
        expectEqual(await list({ createdAfter: expectPresent(times[1]) }), ["r3", "r2"]);
        expectEqual(await list({ createdBefore: expectPresent(times[1]) }), ["r0"]);
        expectEqual(await list({ workflowId: "none" }), []);
      },
      { requires },
    ),
    claim(
      "port",
      "runs are counted by workflow and status",
      async (bench) => {
        for (const status of ["PENDING", "PENDING", "FAILED"] as const) await putRun(bench, { status });
        await putRun(bench, { workflowId: "other" });
        expectEqual(await readerOf(bench).countRuns(), [
          { workflowId: "other", status: "PENDING", count: 1 },
          { workflowId: "w", status: "FAILED", count: 1 },
          { workflowId: "w", status: "PENDING", count: 2 },
        ]);
      },
      { requires },
    ),
    claim(
      "port",
      "one run in full: its record, its stages in order, its artifacts",
      async (bench) => {
        const first = resultStep("a", () => ({ output: 1, artifacts: { report: { pages: 2 } } }));
        const kernel = bench.createKernel({
          workflows: [
            chain(
              "w",
              first,
              step("b", () => 2),
            ),
          ],
        });
        const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        const detail = expectPresent(await readerOf(bench).getRunDetail(runId));
        expectEqual(detail.run, (await lookAt(bench, runId)).run);
        expectMatch(detail.stages, [
          { stageId: "a", status: "COMPLETED", item: 0 },
          { stageId: "b", status: "COMPLETED", item: 0 },
        ]);
        expectMatch(detail.artifacts, [{ key: "report", type: "ARTIFACT", data: { pages: 2 } }]);
        expectEqual(await readerOf(bench).getRunDetail("nobody"), null);
      },
      { requires },
    ),
    claim(
      "port",
      "log lines come oldest first, page by page",
      async (bench) => {
        const run = await putRun(bench);
        const stage = await putStage(bench, run.id, "a");
        for (let i = 0; i < 7; i++) {
          await bench.store.persistence.createLog({ workflowRunId: run.id, workflowStageId: stage.id, level: "INFO", message: `m${i}` });
          await bench.advance(1);
        }
        const { items, pages } = await all((page) => readerOf(bench).listLogs(run.id, page), 3);
        expectEqual([items.map(({ message }) => message), pages], [["m0", "m1", "m2", "m3", "m4", "m5", "m6"], 3]);
        expectEqual((await readerOf(bench).listLogs("nobody")).items, []);
      },
      { requires },
    ),
    claim(
      "port",
      "a page holds 50 rows when not said, and 500 at most",
      async (bench) => {
        const run = await putRun(bench);
        await Promise.all(
          Array.from({ length: 520 }, (_, i) =>
            bench.store.persistence.createLog({ workflowRunId: run.id, level: "INFO", message: `${i}` }),
          ),
        );
        expectEqual((await readerOf(bench).listLogs(run.id)).items.length, 50);
        expectEqual((await readerOf(bench).listLogs(run.id, { limit: 10_000 })).items.length, 500);
      },
      { requires },
    ),
    claim(
      "port",
      "events that are not published are not listed, and lists are of one run",
      async (bench) => {
        const kernel = bench.createKernel({
          workflows: [
            chain(
              "w",
              step("a", () => 1),
            ),
          ],
        });
        const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        const other = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        const before = (await readerOf(bench).listEvents(runId)).length;
        const fresh = { workflowRunId: runId, eventType: "stage:progress", payload: {}, causationId: "c", occurredAt: new Date(0) };
        await bench.store.persistence.appendOutboxEvents([fresh]);
        expectEqual((await readerOf(bench).listEvents(runId)).length, before, "published events");
        const ids = (await readerOf(bench).listEvents(other.runId)).map(({ workflowRunId }) => workflowRunId);
        expectEqual(new Set(ids), new Set([other.runId]));
      },
      { requires },
    ),
  ],
};
