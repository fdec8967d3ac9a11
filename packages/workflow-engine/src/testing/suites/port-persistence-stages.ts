// The CRUD port, stages and transactions.
import { expectEqual, expectMatch, expectPresent, expectRejects } from "../claims.ts";
import { putRun, putStage } from "../port-fixture.ts";
import { claim, type Suite } from "../suite.ts";

/** Stages of the CRUD port, and its transactions. */
export const persistenceStagesSuite: Suite = {
  name: "Persistence: stages and transactions",
  cases: [
    claim("port", "a stage is created with its defaults, and found by id and by run", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      const stage = await putStage(bench, run.id, "a", { stageNumber: 2, executionGroup: 3 });
      expectMatch(stage, {
        workflowRunId: run.id,
        stageId: "a",
        stageName: "Stage a",
        stageNumber: 2,
        executionGroup: 3,
        status: "PENDING",
      });
      const empty = {
        startedAt: null,
        completedAt: null,
        duration: null,
        inputData: null,
        outputData: null,
        suspendedState: null,
        resumeData: null,
      };
      expectMatch(stage, { attempt: 0, ...empty, nextPollAt: null, metrics: null, embeddingInfo: null, errorMessage: null });
      expectEqual(await persistence.getStage(run.id, "a"), stage, "by run and stage id");
      expectEqual(await persistence.getStageById(stage.id), stage, "by id");
      expectEqual([await persistence.getStage(run.id, "no"), await persistence.getStageById("no")], [null, null], "absent");
    }),
    claim("port", "a second stage of one id in one run is refused; another run may have it, and an id may be brought", async (bench) => {
      const [one, two] = [await putRun(bench), await putRun(bench)];
      await putStage(bench, one.id, "a");
      await expectRejects(putStage(bench, one.id, "a"));
      expectMatch(await putStage(bench, two.id, "a", { id: "my-stage" }), { id: "my-stage" });
      expectMatch(await bench.store.persistence.getStageById("my-stage"), { workflowRunId: two.id });
    }),
    claim("port", "every field can be set, by id or by run and stage id; undefined stays, null clears", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench, { status: "RUNNING" });
      const { id } = await putStage(bench, run.id, "a");
      const times = { startedAt: new Date(1_000), nextPollAt: new Date(9_000), maxWaitUntil: new Date(99_000) };
      const texts = {
        inputData: { i: 1 },
        suspendedState: { batchId: "b" },
        resumeData: { r: 1 },
        config: { c: 1 },
        metrics: { m: 1 },
        embeddingInfo: { e: 1 },
      };
      const set = { status: "SUSPENDED" as const, attempt: 2, ...times, ...texts, pollInterval: 500, errorMessage: "odd" };
      await persistence.updateStage(id, set);
      expectMatch(await persistence.getStage(run.id, "a"), set);
      await persistence.updateStageByRunAndStageId(run.id, "a", {
        status: "COMPLETED",
        completedAt: new Date(5_000),
        duration: 4_000,
        outputData: { o: 1 },
        errorMessage: null,
      });
      expectMatch(await persistence.getStageById(id), {
        ...texts,
        status: "COMPLETED",
        attempt: 2,
        duration: 4_000,
        outputData: { o: 1 },
        errorMessage: null,
      });
      await persistence.updateStage(id, { outputData: undefined, metrics: null });
      expectMatch(await persistence.getStageById(id), { outputData: { o: 1 }, metrics: null });
      await expectRejects(persistence.updateStage("no", { attempt: 1 }), { code: "STAGE_NOT_FOUND" });
      await expectRejects(persistence.updateStageByRunAndStageId(run.id, "no", { attempt: 1 }), { code: "STAGE_NOT_FOUND" });
    }),
    claim("port", "falsy outputs of a stage are values", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      const { id } = await putStage(bench, run.id, "a");
      for (const outputData of [0, "", false, [], {}]) {
        await persistence.updateStage(id, { outputData });
        expectEqual((await persistence.getStageById(id))?.outputData, outputData, JSON.stringify(outputData));
      }
    }),
    claim("port", "each change of a stage is a new version, and an old expectedVersion is refused", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      const { id, version } = await putStage(bench, run.id, "a");
      await persistence.updateStage(id, { attempt: 1, expectedVersion: version });
      await expectRejects(persistence.updateStage(id, { attempt: 2, expectedVersion: version }), { code: "STALE_VERSION" });
      await expectRejects(persistence.updateStageByRunAndStageId(run.id, "a", { attempt: 2, expectedVersion: version }), {
        code: "STALE_VERSION",
      });
      expectMatch(await persistence.getStageById(id), { attempt: 1 });
    }),
    claim("port", "upsert creates, then updates", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      const create = { workflowRunId: run.id, stageId: "a", stageName: "A", stageNumber: 1, executionGroup: 1, attempt: 1 };
      const upsert = { workflowRunId: run.id, stageId: "a", create, update: { attempt: 2 } };
      const first = await persistence.upsertStage(upsert);
      expectMatch(first, { stageName: "A", attempt: 1 });
      expectMatch(await persistence.upsertStage(upsert), { id: first.id, attempt: 2 });
      expectEqual((await persistence.getStagesByRun(run.id)).length, 1, "stages");
    }),
    claim("port", "the stages of a run come by group, then number; narrowed by status, turned around when asked", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench, { status: "RUNNING" });
      const other = await putRun(bench);
      await putStage(bench, other.id, "x");
      await putStage(bench, run.id, "c", { executionGroup: 2, stageNumber: 3, status: "COMPLETED" });
      await putStage(bench, run.id, "b", { executionGroup: 1, stageNumber: 2, status: "FAILED" });
      await putStage(bench, run.id, "a", { executionGroup: 1, stageNumber: 1, status: "COMPLETED" });
      const idsOf = async (query?: { status?: "COMPLETED"; orderBy?: "asc" | "desc" }) =>
        (await persistence.getStagesByRun(run.id, query)).map(({ stageId }) => stageId);
      expectEqual(await idsOf(), ["a", "b", "c"]);
      expectEqual(await idsOf({ orderBy: "desc" }), ["c", "b", "a"]);
      expectEqual(await idsOf({ status: "COMPLETED" }), ["a", "c"]);
      expectEqual((await persistence.getFirstFailedStage(run.id))?.stageId, "b");
      expectEqual((await persistence.getLastCompletedStage(run.id))?.stageId, "c");
      expectEqual((await persistence.getLastCompletedStageBefore(run.id, 2))?.stageId, "a");
      expectEqual(
        [await persistence.getFirstFailedStage(other.id), await persistence.getLastCompletedStageBefore(run.id, 1)],
        [null, null],
      );
    }),
    claim("port", "suspended stages are found when their poll is due, and not before", async (bench) => {
      const { persistence, environment } = { ...bench.store, environment: bench.environment };
      const run = await putRun(bench, { status: "RUNNING" });
      const now = environment.now();
      await putStage(bench, run.id, "late", { status: "SUSPENDED", nextPollAt: new Date(now + 60_000), stageNumber: 1 });
      await putStage(bench, run.id, "due", { status: "SUSPENDED", nextPollAt: new Date(now), stageNumber: 2 });
      await putStage(bench, run.id, "running", { status: "RUNNING", stageNumber: 3 });
      const dueAt = async (at: number) => (await persistence.getSuspendedStages(new Date(at))).map(({ stageId }) => stageId);
      expectEqual(await dueAt(now), ["due"]);
      expectEqual(await dueAt(now + 60_000), ["due", "late"]);
      expectEqual((await persistence.getFirstSuspendedStageReadyToResume(run.id))?.stageId, "due");
      await persistence.updateStageByRunAndStageId(run.id, "due", { status: "COMPLETED", nextPollAt: null });
      expectEqual(await persistence.getFirstSuspendedStageReadyToResume(run.id), null);
      await bench.advance(60_000);
      expectEqual((await persistence.getFirstSuspendedStageReadyToResume(run.id))?.stageId, "late");
    }),
    claim("port", "a suspended stage without a time is ready to resume at once", async (bench) => {
      const run = await putRun(bench, { status: "RUNNING" });
      await putStage(bench, run.id, "a", { status: "SUSPENDED", nextPollAt: null });
      expectEqual((await bench.store.persistence.getFirstSuspendedStageReadyToResume(run.id))?.stageId, "a");
    }),
    claim("port", "a deleted stage is gone, and one that is not there is no error", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      const { id } = await putStage(bench, run.id, "a");
      await persistence.deleteStage(id);
      await persistence.deleteStage(id);
      expectEqual([await persistence.getStageById(id), await persistence.getStagesByRun(run.id)], [null, []]);
      await putStage(bench, run.id, "a");
    }),
    claim("P20", "a transaction that throws leaves nothing behind, of whatever it wrote", async (bench) => {
      const { persistence } = bench.store;
      const run = await putRun(bench);
      const stage = await putStage(bench, run.id, "a");
      const broken = persistence.withTransaction(async (tx) => {
        await tx.updateRun(run.id, { status: "RUNNING", output: 1 });
        await tx.updateStage(stage.id, { status: "COMPLETED" });
        await tx.createStage({ workflowRunId: run.id, stageId: "b", stageName: "B", stageNumber: 2, executionGroup: 1 });
        await tx.createLog({ workflowRunId: run.id, level: "INFO", message: "never" });
        await tx.saveArtifact({ workflowRunId: run.id, key: "k", type: "ARTIFACT", data: 1 });
        await tx.appendOutboxEvents([
          { workflowRunId: run.id, eventType: "workflow:started", payload: {}, causationId: "c", occurredAt: new Date(0) },
        ]);
        expectEqual(await tx.acquireIdempotencyKey("k", "t"), { status: "acquired" });
        expectMatch(await tx.getRun(run.id), { status: "RUNNING" }, "what the transaction itself sees");
        throw new Error("take it back");
      });
      await expectRejects(bench.pass(broken), { message: "take it back" });
      expectEqual(await persistence.getRun(run.id), run, "the run");
      expectEqual(await persistence.getStagesByRun(run.id), [stage], "stages");
      expectEqual(
        [await persistence.listArtifacts(run.id), await persistence.getUnpublishedOutboxEvents()],
        [[], []],
        "artifacts and events",
      );
      expectEqual(await persistence.acquireIdempotencyKey("k", "t"), { status: "acquired" }, "the key");
    }),
    claim("P20", "a transaction that ends well leaves all of it, and answers what it answered", async (bench) => {
      const { persistence } = bench.store;
      const id = await persistence.withTransaction(async (tx) => {
        const run = await tx.createRun({ workflowId: "w", workflowName: "W", workflowType: "w", input: {} });
        await tx.createStage({ workflowRunId: run.id, stageId: "a", stageName: "A", stageNumber: 1, executionGroup: 1 });
        return run.id;
      });
      expectPresent(await persistence.getStage(id, "a"));
    }),
    claim("P20", "transactions do not mix: one that is taken back takes nothing of its neighbours", async (bench) => {
      const { persistence } = bench.store;
      const runs = await Promise.all(Array.from({ length: 6 }, () => putRun(bench)));
      const changes = runs.map(({ id }, i) =>
        persistence.withTransaction(async (tx) => {
          await tx.updateRun(id, { totalTokens: i + 1 });
          await bench.environment.settle();
          if (i % 2 === 1) throw new Error("odd");
        }),
      );
      const bare = Promise.all(runs.map(({ id }) => persistence.createLog({ workflowRunId: id, level: "INFO", message: "beside" })));
      await bench.pass(Promise.allSettled([...changes, bare]));
      const tokens = await Promise.all(runs.map(async ({ id }) => (await persistence.getRun(id))?.totalTokens));
      expectEqual(tokens, [1, 0, 3, 0, 5, 0]);
    }),
  ],
};
