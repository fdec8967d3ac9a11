// The Reader port: the events of all runs in one order, and cursors that nobody can make up.
import { errorCodeOf } from "../../errors.ts";
import { readerOf } from "../bench.ts";
import { expectEqual } from "../claims.ts";
import { runToEnd } from "../harness.ts";
import { putRun } from "../port-fixture.ts";
import { claim, type Suite } from "../suite.ts";
import { chain, step } from "../workflows.ts";

const requires = ["reader"] as const;

/** The Reader port's feed of all events. */
export const readerFeedSuite: Suite = {
  name: "Reader feed",
  cases: [
    claim(
      "port",
      "the events of all runs come in one order, and nothing is published before a cursor that was given out",
      async (bench) => {
        const reader = readerOf(bench);
        if (!reader.listAllEvents || !reader.lastEventCursor) return;
        const kernel = bench.createKernel({
          workflows: [
            chain(
              "w",
              step("a", () => 1),
            ),
          ],
        });
        const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        const middle = await reader.lastEventCursor();
        const fresh = { eventType: "stage:progress", payload: {}, causationId: "c", occurredAt: new Date(0) };
        const { persistence } = bench.store;
        await persistence.appendOutboxEvents([{ ...fresh, workflowRunId: runId }]);
        const other = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        const all: string[] = [];
        let cursor: string | undefined;
        for (;;) {
          const page = await reader.listAllEvents(cursor, 2);
          if (page.cursor === cursor) break;
          all.push(...page.items.map(({ id }) => id));
          cursor = page.cursor;
        }
        expectEqual(new Set(all).size, all.length, "each once");
        const lists = await Promise.all([runId, other.runId].map((id) => reader.listEvents(id)));
        expectEqual(all.length, lists.flat().length, "all of them");
        for (const list of lists) {
          const ids = list.map(({ id }) => id);
          expectEqual(
            all.filter((id) => ids.includes(id)),
            ids,
            "in the order of their run",
          );
        }
        const { items } = await reader.listAllEvents(middle);
        expectEqual(
          items.some(({ workflowRunId }) => workflowRunId === other.runId),
          true,
        );
        expectEqual((await reader.listAllEvents(cursor)).cursor, cursor, "a cursor at the end stays");
      },
      { requires },
    ),
    claim(
      "port",
      "an event that is published late comes after every cursor given out before",
      async (bench) => {
        const reader = readerOf(bench);
        if (!reader.listAllEvents) return;
        const { persistence } = bench.store;
        const run = await putRun(bench);
        const event = { workflowRunId: run.id, eventType: "stage:progress", payload: {}, causationId: "c", occurredAt: new Date(0) };
        await persistence.appendOutboxEvents([event]);
        await persistence.appendOutboxEvents([event]);
        const [first, second] = (await persistence.getUnpublishedOutboxEvents()).map(({ id }) => id);
        await persistence.markOutboxEventsPublished([second!]);
        // either it holds back what was published before it, or it comes behind that
        const early = await reader.listAllEvents();
        await persistence.markOutboxEventsPublished([first!]);
        const rest = await reader.listAllEvents(early.cursor);
        const ids = [...early.items, ...rest.items].map(({ id }) => id);
        expectEqual(ids, early.items.length === 0 ? [first, second] : [second, first]);
        expectEqual(
          (await reader.listAllEvents()).items.map(({ id }) => id),
          ids,
        );
      },
      { requires },
    ),
    claim(
      "port",
      "a cursor that no page gave is refused",
      async (bench) => {
        const reader = readerOf(bench);
        for (const cursor of ["", "x", "1", "1_", "-1_a", "99999999999999999_a", "1_\0"]) {
          for (const list of [reader.listRuns({}, { cursor }), reader.listLogs("r", { cursor }), reader.listDeadLetters({ cursor })]) {
            expectEqual(await list.then(String, errorCodeOf), "INVALID_COMMAND", JSON.stringify(cursor));
          }
        }
      },
      { requires },
    ),
  ],
};
