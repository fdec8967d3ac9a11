// The CRUD port, what hangs on runs: logs, artifacts, the outbox, idempotency keys.
import { expectEqual, expectIncludes, expectMatch, expectPresent } from "../claims.ts";
import { putRun, putStage } from "../port-fixture.ts";
import { claim, type Suite } from "../suite.ts";

const event = (workflowRunId: string, eventType: string, at = 0) => ({
  ...{ workflowRunId, eventType, causationId: "cause" },
  payload: { n: at, when: "2025-01-01T00:00:00.000Z" },
  occurredAt: new Date(at),
});

/** Logs, artifacts, events and keys of the CRUD port. */
export const persistenceRecordsSuite: Suite = {
  name: "Persistence: logs, artifacts, outbox, keys",
  cases: [
    claim("port", "a log line is created with what it was given", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      const stage = await putStage(bench, run.id, "a");
      const line = await persistence.createLog({
        workflowRunId: run.id,
        workflowStageId: stage.id,
        level: "WARN",
        message: "odd",
        metadata: { a: 1 },
      });
      expectMatch(line, { workflowRunId: run.id, workflowStageId: stage.id, level: "WARN", message: "odd", metadata: { a: 1 } });
      expectEqual(line.createdAt, new Date(bench.environment.now()));
      expectMatch(await persistence.createLog({ workflowRunId: run.id, level: "DEBUG", message: "plain" }), {
        workflowStageId: null,
        metadata: null,
      });
    }),
    claim("port", "an artifact is saved, replaced under its key, listed oldest first, and deleted", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      const stage = await putStage(bench, run.id, "a");
      await persistence.saveArtifact({
        workflowRunId: run.id,
        key: "one",
        type: "ARTIFACT",
        data: { a: 1 },
        workflowStageId: stage.id,
        metadata: { m: 1 },
      });
      await bench.advance(10);
      await persistence.saveArtifact({ workflowRunId: run.id, key: "two", type: "METADATA", data: "text" });
      await persistence.saveArtifact({ workflowRunId: run.id, key: "one", type: "ARTIFACT", data: [2], workflowStageId: stage.id });
      const list = await persistence.listArtifacts(run.id);
      expectMatch(list, [
        { key: "one", data: [2], type: "ARTIFACT", workflowStageId: stage.id },
        { key: "two", data: "text", type: "METADATA", size: 6 },
      ]);
      expectEqual(await persistence.loadArtifact(run.id, "one"), [2]);
      expectEqual([await persistence.hasArtifact(run.id, "one"), await persistence.hasArtifact(run.id, "no")], [true, false]);
      expectEqual(await persistence.getStageIdForArtifact(run.id, "one"), stage.id);
      expectEqual(await persistence.getStageIdForArtifact(run.id, "two"), null);
      await persistence.deleteArtifact(run.id, "one");
      await persistence.deleteArtifact(run.id, "one");
      expectEqual([await persistence.hasArtifact(run.id, "one"), await persistence.loadArtifact(run.id, "one")], [false, null]);
    }),
    claim("port", "an artifact belongs to its run, is a copy, and may be falsy", async (bench) => {
      const { persistence } = bench.store;
      const [one, two] = [await putRun(bench), await putRun(bench)];
      const data = { list: [1] };
      await persistence.saveArtifact({ workflowRunId: one.id, key: "k", type: "ARTIFACT", data });
      data.list.push(2);
      expectEqual(await persistence.loadArtifact(one.id, "k"), { list: [1] });
      expectEqual(await persistence.hasArtifact(two.id, "k"), false);
      for (const value of [0, "", false]) {
        await persistence.saveArtifact({ workflowRunId: two.id, key: "k", type: "ARTIFACT", data: value });
        expectEqual(await persistence.loadArtifact(two.id, "k"), value);
      }
    }),
    claim("port", "a stage's output is saved under the key of its run", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      const stage = await putStage(bench, run.id, "a");
      const key = await persistence.saveStageOutput(run.id, "w", "a", { o: 1 });
      expectEqual(key, `workflow-v2/w/${run.id}/a/output.json`);
      expectEqual(await persistence.loadArtifact(run.id, key), { o: 1 });
      expectMatch(await persistence.listArtifacts(run.id), [{ type: "STAGE_OUTPUT", workflowStageId: stage.id }]);
    }),
    claim("port", "events come back oldest first with a growing sequence of their run, until they are published", async (bench) => {
      const { persistence } = bench.store;
      const [one, two] = [await putRun(bench), await putRun(bench)];
      await persistence.appendOutboxEvents([event(one.id, "workflow:created", 1), event(two.id, "workflow:created", 2)]);
      await persistence.appendOutboxEvents([event(one.id, "workflow:started", 3)]);
      const all = await persistence.getUnpublishedOutboxEvents();
      expectMatch(all, [
        {
          workflowRunId: one.id,
          eventType: "workflow:created",
          payload: { n: 1 },
          causationId: "cause",
          occurredAt: new Date(1),
          retryCount: 0,
        },
        { workflowRunId: two.id, publishedAt: null, dlqAt: null },
        { workflowRunId: one.id, eventType: "workflow:started" },
      ]);
      expectEqual(all[2]!.sequence > all[0]!.sequence, true, "the sequence grows");
      expectEqual(
        (await persistence.getUnpublishedOutboxEvents(2)).map(({ id }) => id),
        [all[0]!.id, all[1]!.id],
        "limited",
      );
      expectEqual(
        (await persistence.getUnpublishedOutboxEvents()).map(({ id }) => id),
        all.map(({ id }) => id),
        "ids are stable",
      );
      await persistence.markOutboxEventsPublished([all[0]!.id, all[1]!.id]);
      await persistence.markOutboxEventsPublished([all[0]!.id, "no"]);
      expectMatch(await persistence.getUnpublishedOutboxEvents(), [{ id: all[2]!.id }]);
    }),
    claim("port", "at most a hundred events come at a time unless more are asked for", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      await persistence.appendOutboxEvents(Array.from({ length: 120 }, (_, i) => event(run.id, "stage:progress", i)));
      expectEqual((await persistence.getUnpublishedOutboxEvents()).length, 100);
      expectEqual((await persistence.getUnpublishedOutboxEvents(200)).length, 120);
    }),
    claim(
      "port",
      "an event's tries are counted, a dead letter is left out, and a replay brings it back with fresh tries",
      async (bench) => {
        const { persistence } = bench.store;
        const run = await putRun(bench);
        await persistence.appendOutboxEvents([event(run.id, "workflow:created"), event(run.id, "workflow:started")]);
        const [first, second] = await persistence.getUnpublishedOutboxEvents();
        const id = expectPresent(first).id;
        expectEqual([await persistence.incrementOutboxRetryCount(id), await persistence.incrementOutboxRetryCount(id)], [1, 2]);
        expectMatch((await persistence.getUnpublishedOutboxEvents())[0], { id, retryCount: 2 });
        await persistence.moveOutboxEventToDLQ(id);
        expectEqual(
          (await persistence.getUnpublishedOutboxEvents()).map((each) => each.id),
          [second?.id],
        );
        expectEqual(await persistence.replayDLQEvents(10), 1);
        expectMatch((await persistence.getUnpublishedOutboxEvents())[0], { id, retryCount: 0, dlqAt: null });
        expectEqual(await persistence.replayDLQEvents(10), 0, "once more");
      },
    ),
    claim("port", "a replay brings back as many as asked for", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      await persistence.appendOutboxEvents(Array.from({ length: 4 }, (_, i) => event(run.id, "stage:progress", i)));
      for (const { id } of await persistence.getUnpublishedOutboxEvents()) await persistence.moveOutboxEventToDLQ(id);
      expectEqual(await persistence.replayDLQEvents(3), 3);
      expectEqual((await persistence.getUnpublishedOutboxEvents()).length, 3);
    }),
    claim("P2", "a key is acquired once, completed, and then replays its result, falsy or not", async ({ store: { persistence } }) => {
      expectEqual(await persistence.acquireIdempotencyKey("k", "t"), { status: "acquired" });
      expectEqual(await persistence.acquireIdempotencyKey("k", "t"), { status: "in_progress" });
      expectEqual(await persistence.acquireIdempotencyKey("k", "other"), { status: "acquired" }, "the same key of another command");
      await persistence.completeIdempotencyKey("k", "t", { made: 1 });
      expectEqual(await persistence.acquireIdempotencyKey("k", "t"), { status: "replay", result: { made: 1 } });
      for (const [i, result] of [0, "", false, null].entries()) {
        await persistence.acquireIdempotencyKey(`falsy-${i}`, "t");
        await persistence.completeIdempotencyKey(`falsy-${i}`, "t", result);
        expectEqual(await persistence.acquireIdempotencyKey(`falsy-${i}`, "t"), { status: "replay", result });
      }
    }),
    claim("P2", "of many that acquire a key one has it", async ({ store: { persistence } }) => {
      const states = await Promise.all(
        Array.from({ length: 8 }, (_, i) => persistence.acquireIdempotencyKey("k", "t", { owner: `o${i}` })),
      );
      expectEqual(states.filter(({ status }) => status === "acquired").length, 1, "acquired");
      expectIncludes(states, { status: "in_progress" });
    }),
    claim("P2", "a released key is free; a completed one stays", async ({ store: { persistence } }) => {
      await persistence.acquireIdempotencyKey("k", "t");
      await persistence.releaseIdempotencyKey("k", "t");
      expectEqual(await persistence.acquireIdempotencyKey("k", "t"), { status: "acquired" });
      await persistence.completeIdempotencyKey("k", "t", 1);
      await persistence.releaseIdempotencyKey("k", "t");
      expectEqual(await persistence.acquireIdempotencyKey("k", "t"), { status: "replay", result: 1 });
    }),
    claim("P2", "a key with another payload is a conflict, held or completed", async ({ store: { persistence } }) => {
      await persistence.acquireIdempotencyKey("k", "t", { hash: "one" });
      expectEqual(await persistence.acquireIdempotencyKey("k", "t", { hash: "two" }), { status: "conflict" });
      await persistence.completeIdempotencyKey("k", "t", 1);
      expectEqual(await persistence.acquireIdempotencyKey("k", "t", { hash: "two" }), { status: "conflict" });
      expectEqual(await persistence.acquireIdempotencyKey("k", "t", { hash: "one" }), { status: "replay", result: 1 });
    }),
    claim("P2", "a dead owner's key frees itself after its lease, 60 s when not said", async (bench) => {
      const { persistence } = bench.store;
      await persistence.acquireIdempotencyKey("short", "t", { leaseMs: 5_000 });
      await persistence.acquireIdempotencyKey("long", "t");
      await bench.advance(5_001);
      expectEqual(await persistence.acquireIdempotencyKey("short", "t"), { status: "acquired" });
      expectEqual(await persistence.acquireIdempotencyKey("long", "t"), { status: "in_progress" });
      await bench.advance(55_000);
      expectEqual(await persistence.acquireIdempotencyKey("long", "t"), { status: "acquired" });
    }),
  ],
};
