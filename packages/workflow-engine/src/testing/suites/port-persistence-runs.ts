// The CRUD port, runs: created, changed, claimed; copies in and out; versions.
import { expectEqual, expectMatch, expectPresent, expectRejects } from "../claims.ts";
import { putRun } from "../port-fixture.ts";
import { claim, type Suite } from "../suite.ts";

/** Runs of the CRUD port. */
export const persistenceRunsSuite: Suite = {
  name: "Persistence: runs",
  cases: [
    claim("port", "a run is created with its defaults, and read back the same", async (bench) => {
      const run = await putRun(bench);
      expectMatch(run, {
        workflowId: "w",
        workflowName: "W",
        workflowType: "w",
        status: "PENDING",
        input: { n: 1 },
        output: null,
        config: {},
      });
      expectMatch(run, { priority: 5, totalCost: 0, totalTokens: 0, startedAt: null, completedAt: null, duration: null, metadata: null });
      expectEqual([run.createdAt, run.updatedAt], [new Date(bench.environment.now()), new Date(bench.environment.now())], "times");
      expectEqual(await bench.store.persistence.getRun(run.id), run);
    }),
    claim("port", "a caller may bring id, status, priority and metadata; an id that exists is refused", async (bench) => {
      const given = { id: "mine", status: "RUNNING", priority: 9, metadata: { a: [1, null] }, config: { s: { x: 1 } } } as const;
      expectMatch(await putRun(bench, given as never), given);
      await expectRejects(putRun(bench, { id: "mine" }));
      expectMatch(await bench.store.persistence.getRun("mine"), { priority: 9 });
    }),
    claim("port", "a run that is not there is null, and cannot be changed", async ({ store: { persistence } }) => {
      expectEqual([await persistence.getRun("no"), await persistence.getRunStatus("no")], [null, null]);
      await expectRejects(persistence.updateRun("no", { status: "RUNNING" }), { code: "RUN_NOT_FOUND" });
    }),
    claim("port", "every field can be set; what is left out or undefined stays, null clears", async (bench) => {
      const { persistence } = bench.store;
      const { id } = await putRun(bench, { metadata: { keep: 1 } });
      const [startedAt, completedAt] = [new Date(1_000), new Date(3_500)];
      await persistence.updateRun(id, {
        status: "COMPLETED",
        startedAt,
        completedAt,
        duration: 2_500,
        output: { o: 1 },
        totalCost: 0.25,
        totalTokens: 7,
      });
      const all = {
        status: "COMPLETED",
        startedAt,
        completedAt,
        duration: 2_500,
        output: { o: 1 },
        totalCost: 0.25,
        totalTokens: 7,
        metadata: { keep: 1 },
      };
      expectMatch(await persistence.getRun(id), all);
      await persistence.updateRun(id, { status: undefined, output: undefined, metadata: { other: 2 } });
      expectMatch(await persistence.getRun(id), { ...all, metadata: { other: 2 } });
      await persistence.updateRun(id, { output: null, completedAt: null, duration: null, metadata: null });
      expectMatch(await persistence.getRun(id), { output: null, completedAt: null, duration: null, metadata: null, status: "COMPLETED" });
      expectEqual(await persistence.getRunStatus(id), "COMPLETED");
    }),
    claim("port", "falsy outputs and inputs are values", async (bench) => {
      const { persistence } = bench.store;
      for (const value of [0, "", false, null]) {
        const { id } = await putRun(bench, { input: value });
        await persistence.updateRun(id, { output: value });
        expectMatch(await persistence.getRun(id), { input: value, output: value }, JSON.stringify(value));
      }
    }),
    claim("port", "what comes out is a copy, and what goes in is copied", async (bench) => {
      const input = { list: [1] };
      const metadata = { tag: "a" };
      const run = await putRun(bench, { input, metadata });
      input.list.push(2);
      metadata.tag = "b";
      (run.input as { list: number[] }).list.push(3);
      const again = expectPresent(await bench.store.persistence.getRun(run.id));
      expectMatch(again, { input: { list: [1] }, metadata: { tag: "a" } });
      (again.metadata as { tag: string }).tag = "c";
      expectMatch(await bench.store.persistence.getRun(run.id), { metadata: { tag: "a" } });
    }),
    claim("port", "each change is a new version, and an old expectedVersion is refused with both", async (bench) => {
      const { persistence } = bench.store;
      const { id, version } = await putRun(bench);
      await bench.advance(5);
      await persistence.updateRun(id, { totalTokens: 1, expectedVersion: version });
      const changed = expectPresent(await persistence.getRun(id));
      expectMatch([changed.version > version, changed.updatedAt], [true, new Date(bench.environment.now())]);
      const stale = persistence.updateRun(id, { totalTokens: 2, expectedVersion: version });
      const message = `expected ${version}, got ${changed.version}`;
      await expectRejects(stale, { code: "STALE_VERSION", name: "StaleVersionError", message });
      expectMatch(await persistence.getRun(id), { totalTokens: 1, version: changed.version });
    }),
    claim("port", "runs of a status come oldest first", async (bench) => {
      const { persistence } = bench.store;
      const ids: string[] = [];
      for (let i = 0; i < 4; i++) {
        ids.push((await putRun(bench, i === 2 ? { status: "RUNNING" } : {})).id);
        await bench.advance(10);
      }
      expectEqual(
        (await persistence.getRunsByStatus("PENDING")).map(({ id }) => id),
        [ids[0], ids[1], ids[3]],
      );
      expectEqual(
        (await persistence.getRunsByStatus("RUNNING")).map(({ id }) => id),
        [ids[2]],
      );
      expectEqual(await persistence.getRunsByStatus("FAILED"), []);
    }),
    claim("port", "a run is claimed once: PENDING to RUNNING, with the time of its start", async (bench) => {
      const { persistence } = bench.store;
      const { id } = await putRun(bench);
      const claims = await Promise.all(Array.from({ length: 5 }, () => persistence.claimPendingRun(id)));
      expectEqual(claims.filter(Boolean).length, 1, "claims that had it");
      expectMatch(await persistence.getRun(id), { status: "RUNNING", startedAt: new Date(bench.environment.now()) });
      expectEqual(await persistence.claimPendingRun("no"), false, "a run that is not there");
    }),
    claim("port", "the next run to claim is the most urgent, then the oldest; null when there is none", async (bench) => {
      const { persistence } = bench.store;
      const ids: string[] = [];
      for (const priority of [5, 9, 5]) {
        ids.push((await putRun(bench, { priority })).id);
        await bench.advance(10);
      }
      const claimed = [];
      for (let i = 0; i < 4; i++) claimed.push((await persistence.claimNextPendingRun())?.id ?? null);
      expectEqual(claimed, [ids[1], ids[0], ids[2], null]);
      expectEqual((await persistence.getRunsByStatus("RUNNING")).length, 3, "running");
    }),
    claim("port", "many that claim next never share a run", async (bench) => {
      const { persistence } = bench.store;
      for (let i = 0; i < 10; i++) await putRun(bench);
      const claimed = await bench.pass(Promise.all(Array.from({ length: 15 }, () => persistence.claimNextPendingRun())));
      const ids = claimed.flatMap((run) => (run ? [run.id] : []));
      expectEqual([ids.length, new Set(ids).size], [10, 10]);
    }),
  ],
};
