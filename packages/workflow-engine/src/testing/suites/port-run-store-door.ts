// The one door (RunStore): units are atomic, see what they asked for, and are folded in order; claims are exclusive.
import type { Decide } from "../../ports/store.ts";
import { expectEqual, expectIncludes, expectMatch, expectRejects } from "../claims.ts";
import { change, decide, look, newStage, openRun, startRun } from "../port-fixture.ts";
import { claim, type Suite } from "../suite.ts";

/** RunStore: transact and claimRuns. */
export const runStoreDoorSuite: Suite = {
  name: "RunStore: the door",
  cases: [
    claim("port", "a unit creates a run, and a second one of its id is refused", async (bench) => {
      await openRun(bench, "r1");
      expectMatch(await bench.store.persistence.getRun("r1"), { workflowId: "w", status: "PENDING", input: { n: 1 }, priority: 5 });
      await expectRejects(openRun(bench, "r1"), { code: "RUN_STATE" });
    }),
    claim("port", "a unit sees the run and the stage it names, null where there is none, and a new id each time", async (bench) => {
      await startRun(bench, "r1", ["a", "b"]);
      const seen = await decide(bench, "r1", ({ run, stage, freshId, stages }) => ({ result: { run, stage, freshId, stages } }), "b");
      expectMatch(seen.run, { id: "r1", status: "RUNNING", group: 1, open: 2, suspended: 0, error: null });
      expectMatch(seen.stage, { stageId: "b", status: "PENDING", attempt: 0, maxAttempts: 3, lease: null });
      expectEqual(seen.stages, undefined, "stages nobody asked for");
      const none = await decide(bench, "nobody", ({ run, stage, freshId }) => ({ result: { run, stage, freshId } }), "a");
      expectMatch(none, { run: null, stage: null });
      expectEqual(none.freshId === seen.freshId, false, "the same id twice");
    }),
    claim("port", "a rule that needs more is asked again with it", async (bench) => {
      await startRun(bench, "r1", [newStage(bench, "r1", "a"), newStage(bench, "r1", "b", { number: 2 })]);
      const set = { status: "COMPLETED" as const, completedAt: bench.environment.now(), readyAt: null };
      await change(bench, "r1", { stages: [{ stageId: "a", item: 0, set, payloads: { output: '{"o":1}' } }], run: { open: 1 } });
      const { stages } = await look(bench, "r1");
      expectEqual(
        stages.map(({ stageId, status }) => `${stageId} ${status}`),
        ["a COMPLETED", "b PENDING"],
      );
      const outputs = await decide(bench, "r1", (seen) => ({
        result: seen.outputs,
        ...(seen.outputs ? {} : { need: "outputs" as const }),
      }));
      expectEqual(Object.fromEntries(Object.entries(outputs ?? {}).map(([id, text]) => [id, JSON.parse(text)])), { a: { o: 1 } });
    }),
    claim("port", "a rule that throws changes nothing, and its error is the caller's", async (bench) => {
      await startRun(bench, "r1", ["a"]);
      const before = await look(bench, "r1");
      const broken = decide(bench, "r1", () => {
        throw new Error("no");
      });
      await expectRejects(broken, { message: "no" });
      expectEqual(await look(bench, "r1"), before);
    }),
    claim("port", "every part of a change is written in one commit", async (bench) => {
      await startRun(bench, "r1", ["a", "b"]);
      const at = bench.environment.now();
      await change(bench, "r1", {
        stages: [
          {
            stageId: "a",
            item: 0,
            set: { status: "COMPLETED", completedAt: at, readyAt: null },
            payloads: { output: "5", metrics: '{"m":1}' },
          },
        ],
        open: [newStage(bench, "r1", "c", { group: 2, number: 3 })],
        run: { group: 2, open: 1, output: '"out"' },
        logs: [{ stageId: "a", item: 0, level: "INFO", message: "line", metadata: '{"k":1}', at }],
        artifacts: [{ stageId: "a", key: "art", type: "ARTIFACT", data: "[1]", bytes: 3 }],
        events: [{ type: "stage:completed", stageId: "a", stageName: "A", duration: 1 }],
      });
      const { persistence } = bench.store;
      expectMatch(await persistence.getStage("r1", "a"), { status: "COMPLETED", outputData: 5, metrics: { m: 1 } });
      expectMatch(await persistence.getStage("r1", "c"), { executionGroup: 2, status: "PENDING" });
      expectMatch(await persistence.getRun("r1"), { output: "out" });
      expectEqual(await persistence.loadArtifact("r1", "art"), [1]);
      expectIncludes(
        (await persistence.getUnpublishedOutboxEvents()).map(({ eventType }) => eventType),
        "stage:completed",
      );
    }),
    claim("port", "endOpen ends what has not ended, dropFrom deletes groups; null clears an output", async (bench) => {
      const late = newStage(bench, "r1", "c", { group: 2, number: 3 });
      await startRun(bench, "r1", ["a", newStage(bench, "r1", "b", { number: 2 })]);
      await change(bench, "r1", {
        stages: [{ stageId: "a", item: 0, set: { status: "COMPLETED", completedAt: 1, readyAt: null } }],
        open: [late],
        run: { output: "1" },
      });
      await change(bench, "r1", { endOpen: "CANCELLED", run: { output: null } });
      const ended = (await look(bench, "r1")).stages.map(({ stageId, status }) => `${stageId} ${status}`);
      expectEqual(ended, ["a COMPLETED", "b CANCELLED", "c CANCELLED"]);
      await change(bench, "r1", { dropFrom: 2, run: {} });
      expectEqual(
        (await look(bench, "r1")).stages.map(({ stageId }) => stageId),
        ["a", "b"],
      );
      expectMatch(await bench.store.persistence.getRun("r1"), { output: null });
    }),
    claim("port", "units of one run that come together are folded in order, none lost", async (bench) => {
      await startRun(bench, "r1", ["a"]);
      const before = (await look(bench, "r1")).run.version;
      const bump: Decide<number> = ({ run }) => ({ result: run?.transitionAt ?? 0, run: { transitionAt: (run?.transitionAt ?? 0) + 1 } });
      const seen = await bench.pass(
        Promise.all(Array.from({ length: 25 }, () => bench.store.runStore.transact({ runId: "r1", decide: bump }))),
      );
      expectEqual(
        seen,
        Array.from({ length: 25 }, (_, i) => i),
        "what each saw",
      );
      const { run } = await look(bench, "r1");
      expectMatch([run.transitionAt, run.version > before], [25, true]);
    }),
    claim("port", "units of many runs that come together all happen", async (bench) => {
      const ids = Array.from({ length: 40 }, (_, i) => `r${i}`);
      await bench.pass(Promise.all(ids.map((id) => openRun(bench, id))));
      expectEqual((await bench.store.persistence.getRunsByStatus("PENDING")).length, 40);
    }),
    claim("port", "a unit without a run may say so, and deletes nothing", async (bench) => {
      expectEqual(await decide(bench, "nobody", ({ run }) => ({ result: run === null })), true);
      await expectRejects(change(bench, "nobody", { run: { status: "RUNNING" } }), { code: "RUN_NOT_FOUND" });
    }),
    claim(
      "port",
      "deleteRun takes every row of the run",
      async (bench) => {
        await startRun(bench, "r1", ["a"]);
        await startRun(bench, "r2", ["a"]);
        await change(bench, "r1", { deleteRun: true });
        const { persistence } = bench.store;
        expectEqual([await persistence.getRun("r1"), await persistence.getStagesByRun("r1")], [null, []]);
        expectEqual((await persistence.getStagesByRun("r2")).length, 1, "stages of the other run");
      },
      { requires: ["deletes"] },
    ),
    claim("P3", "claims are exclusive, bounded, of known workflows only, most urgent first, and see input and config", async (bench) => {
      for (const [i, priority] of [1, 9, 5].entries()) await openRun(bench, `r${i}`, { priority, config: `{"c":${i}}` });
      await openRun(bench, "other", { workflowId: "unknown", priority: 99 });
      const { runStore } = bench.store;
      const rule: Decide<string | null> = ({ run, payloads }) => {
        if (run?.status !== "PENDING") return { result: null };
        const config = JSON.stringify(JSON.parse(payloads?.config ?? "null"));
        return { result: `${run.id} ${config}`, run: { status: "RUNNING", queuedAt: null } };
      };
      const take = (max: number) => runStore.claimRuns({ max, workflowIds: ["w"] }, rule);
      expectEqual(await bench.pass(take(2)), ['r1 {"c":1}', 'r2 {"c":2}']);
      const rest = await bench.pass(Promise.all([take(5), take(5), take(5)]));
      expectEqual(
        rest.flat().filter((answer) => answer !== null),
        ['r0 {"c":0}'],
      );
      expectMatch(await bench.store.persistence.getRun("other"), { status: "PENDING" });
    }),
    claim(
      "P3",
      "a run that is to start later is not claimed before",
      async (bench) => {
        const { runStore } = bench.store;
        await openRun(bench, "r1", { startAt: bench.environment.now() + 5_000 });
        const take = () =>
          bench.pass(runStore.claimRuns({ max: 5, workflowIds: ["w"] }, () => ({ result: 1, run: { status: "RUNNING", queuedAt: null } })));
        expectEqual(await take(), []);
        expectEqual(await runStore.nextWakeAt(), bench.environment.now() + 5_000, "the next wake-up");
        await bench.advance(5_000);
        expectEqual(await take(), [1]);
      },
      { requires: ["startAt"] },
    ),
    claim("P3", "a claim whose rule throws leaves its run, and takes the next", async (bench) => {
      for (const [i, priority] of [9, 8, 7].entries()) await openRun(bench, `r${i}`, { priority });
      const claimed = await bench.pass(
        bench.store.runStore.claimRuns({ max: 2, workflowIds: ["w"] }, ({ run }) => {
          if (run?.id === "r0") throw new Error("not this one");
          return { result: run?.id, run: { status: "RUNNING", queuedAt: null } };
        }),
      );
      expectEqual(claimed, ["r1", "r2"]);
      expectMatch(await bench.store.persistence.getRun("r0"), { status: "PENDING" });
    }),
    claim("P2", "a key rides its unit: once it has an answer, the rule is not asked again", async (bench) => {
      let asked = 0;
      const key = {
        key: "k",
        commandType: "t",
        hash: "h",
        mode: "once",
        resultOf: (r: number) => ({ r }),
        replay: (s: unknown) => (s as { r: number }).r,
      } as const;
      await openRun(bench, "r1");
      const unit = { runId: "r1", key, decide: () => ({ result: (asked += 1), run: {} }) };
      expectEqual([await bench.pass(bench.store.runStore.transact(unit)), await bench.pass(bench.store.runStore.transact(unit))], [1, 1]);
      await expectRejects(bench.pass(bench.store.runStore.transact({ ...unit, key: { ...key, hash: "other" } })), {
        code: "IDEMPOTENCY_CONFLICT",
      });
    }),
    claim("P2", "a held key is in progress for others until its owner settles it", async (bench) => {
      const base = {
        key: "k",
        commandType: "t",
        hash: "h",
        owner: "me",
        leaseMs: 10_000,
        resultOf: (r: number) => r,
        replay: (s: unknown) => s as number,
      };
      await startRun(bench, "r1", ["a"]);
      const stages = [{ stageId: "a", item: 0, set: {} }];
      const unit = (mode: "hold" | "settle", owner: string, result: number) =>
        bench.pass(
          bench.store.runStore.transact({ runId: "r1", key: { ...base, mode, owner }, decide: () => ({ result, stages, run: {} }) }),
        );
      expectEqual(await unit("hold", "me", 1), 1);
      await expectRejects(unit("hold", "you", 2), { code: "IDEMPOTENCY_IN_PROGRESS" });
      expectEqual(await unit("settle", "me", 3), 3);
      expectEqual(await unit("hold", "you", 4), 3, "the settled answer");
    }),
  ],
};
