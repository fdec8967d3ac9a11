// Several processes on one database, each with a client of its own: real connections, real locks. Counts come from PROOF.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { realEnvironment } from "../environment.ts";
import { storeOver } from "../store/store-over.ts";
import type { DatabaseType } from "./client.ts";
import { openClient, type TestClient } from "./clients.test-fixture.ts";
import { createPrismaAICallLogger, createPrismaJobQueue, createPrismaReader, createPrismaWorkflowPersistence } from "./factories.ts";
import { fullerSchema, smallestSchema } from "./schemas.test-fixture.ts";

const isFull = process.env["PROOF"] === "full";
const rivals = 4;
const names = { workflowId: "w", workflowName: "W", workflowType: "w", input: {} };

for (const databaseType of ["sqlite", "postgresql"] as const satisfies DatabaseType[]) {
  for (const schema of [smallestSchema, fullerSchema]) {
    describe(`rivals on ${databaseType}, ${schema.name} schema`, () => {
      const folder = mkdtempSync(path.join(tmpdir(), "prisma-rivals-"));
      let client: TestClient;
      let processes: Array<ReturnType<typeof processOn>>;
      const processOn = (prisma: TestClient["prisma"], i: number) => {
        const persistence = createPrismaWorkflowPersistence(prisma);
        const { ledger } = createPrismaAICallLogger(prisma);
        // clocks of machines differ
        const environment = { ...realEnvironment, now: () => realEnvironment.now() - i * 5_000 };
        const publisher = createPrismaWorkflowPersistence(prisma, { environment });
        const jobTransport = createPrismaJobQueue(prisma);
        return {
          persistence,
          jobTransport,
          ledger: ledger!,
          publisher,
          runStore: storeOver({ persistence, jobTransport, environment: realEnvironment }),
        };
      };

      beforeAll(async () => {
        client = await openClient(schema, databaseType, path.join(folder, "test.db"));
        processes = Array.from({ length: rivals }, (_, i) => processOn(client.another(), i));
      });
      beforeEach(() => client.clear());
      afterAll(async () => {
        await client.close();
        rmSync(folder, { recursive: true, force: true });
      });

      it("one of many rivals gets an idempotency key", async () => {
        const count = isFull ? 50 : 12;
        const states = await Promise.all(
          Array.from({ length: count }, (_, i) => processes[i % rivals]!.persistence.acquireIdempotencyKey("k", "t", { owner: `o${i}` })),
        );
        expect(states.filter(({ status }) => status === "acquired")).toHaveLength(1);
      });

      it("every job goes to one worker", async () => {
        const count = isFull ? 200 : 40;
        const jobs = Array.from({ length: count }, (_, i) => ({ workflowRunId: "r", workflowId: "w", stageId: `s${i}` }));
        await processes[0]!.jobTransport.enqueueParallel(jobs);
        const taken = await Promise.all(
          processes.map(async ({ jobTransport }) => {
            const ids: string[] = [];
            for (let job = await jobTransport.dequeue(); job; job = await jobTransport.dequeue()) ids.push(job.jobId);
            return ids;
          }),
        );
        expect([taken.flat().length, new Set(taken.flat()).size]).toEqual([count, count]);
      });

      it("no unit is lost: each sees what the one before has written", async () => {
        const count = isFull ? 100 : 16;
        await processes[0]!.persistence.createRun({ ...names, id: "r", priority: 0 });
        const units = Array.from({ length: count }, (_, i) =>
          processes[i % rivals]!.runStore.transact({
            runId: "r",
            decide: ({ run }) => ({ result: null, run: { group: run!.group + 1 }, events: [{ type: "workflow:started" }] }),
          }),
        );
        await Promise.all(units);
        const group = await processes[1]!.runStore.transact({ runId: "r", decide: ({ run }) => ({ result: run!.group }) });
        const events = await processes[1]!.persistence.getUnpublishedOutboxEvents(1_000);
        expect([group, events.map(({ sequence }) => sequence)]).toEqual([count, Array.from({ length: count }, (_, i) => i + 1)]);
      });

      it.runIf(schema === fullerSchema)("P18: of many who publish at once one does, and no event is told twice", async () => {
        const rounds = isFull ? 40 : 6;
        await processes[0]!.persistence.createRun({ ...names, id: "r" });
        const told: string[] = [];
        for (let n = 0; n < rounds; n++) {
          const event = { workflowRunId: "r", eventType: "workflow:started", payload: {}, causationId: "c", occurredAt: new Date(n) };
          await processes[0]!.persistence.appendOutboxEvents([event]);
          const batches = await Promise.all(processes.map(({ runStore }) => runStore.takeEvents({ max: 10, leaseMs: 60_000 })));
          const taken = batches.flatMap((batch, i) =>
            batch && batch.fresh.length > 0 ? [{ ...batch, runStore: processes[i]!.runStore }] : [],
          );
          expect(taken).toHaveLength(1);
          told.push(...taken[0]!.fresh.map(({ id }) => id));
          const report = { token: taken[0]!.token, published: taken[0]!.fresh, failed: [], delivered: [] };
          expect(await taken[0]!.runStore.renewEvents(report.token, 60_000)).toBe(true);
          expect(await taken[0]!.runStore.settleEvents(report)).toBe(true);
        }
        expect([told.length, new Set(told).size]).toEqual([rounds, rounds]);
      });

      it("a run is claimed by one, and all are claimed", async () => {
        for (let i = 0; i < 12; i++) await processes[0]!.persistence.createRun(names);
        const claimed = await Promise.all(Array.from({ length: 16 }, (_, i) => processes[i % rivals]!.persistence.claimNextPendingRun()));
        const ids = claimed.flatMap((run) => (run ? [run.id] : []));
        expect([ids.length, new Set(ids).size]).toEqual([12, 12]);
      });

      it.each([true, false])(
        "calls that reserve at once never reserve more than there is, and each is closed once (run there: %s)",
        async (isThere) => {
          const [fits, count] = isFull ? [60, 200] : [15, 40];
          const { persistence } = processes[0]!;
          // without a row of the run, nobody waits for its lock
          if (isThere) await persistence.createRun({ ...names, id: "r" });
          await persistence.budgets.create("r", { usdPico: BigInt(fits) * 1_000n, tokens: null, onExceed: "hold" });
          const ids = Array.from({ length: count }, (_, i) => `c${i}`);
          const call = { topic: "workflow.r.stage.s", callType: "text", modelKey: "m", modelId: "m", prompt: "p", price: null } as const;
          const origin = { runId: "r", stageId: "s", attempt: 1, executionId: "e" };
          const worst = { inputTokens: 2, outputTokens: 1, costPico: 1_000n };
          const opened = await Promise.all(ids.map((id, i) => processes[i % rivals]!.ledger.openCall({ id, ...call, ...origin, worst })));
          const isOpen = ids.filter((_, i) => opened[i] === null);
          expect(isOpen).toHaveLength(fits);
          const end = { status: "ok", response: "", usage: { inputTokens: 1, outputTokens: 1, costPico: 7n }, latencyMs: 1 } as const;
          const closed = await Promise.all(isOpen.flatMap((id) => processes.map(({ ledger }) => ledger.closeCall(id, end))));
          expect(closed.filter(Boolean)).toHaveLength(fits);
          const run = await persistence.getRun("r");
          expect(run && [Math.round(run.totalCost * 1e12), run.totalTokens]).toEqual(isThere ? [fits * 7, fits * 2] : null);
          const left = { ...worst, costPico: BigInt(fits) * 993n };
          const more = { ...left, costPico: left.costPico + 1n };
          expect(await processes[1]!.ledger.openCall({ id: "too-much", ...call, ...origin, worst: more })).not.toBeNull();
          expect(await processes[2]!.ledger.openCall({ id: "all-that-is-left", ...call, ...origin, worst: left })).toBeNull();
        },
      );

      it("whoever follows the events of all runs misses none, whoever publishes them when", async () => {
        const count = isFull ? 300 : 60;
        await processes[0]!.persistence.createRun({ ...names, id: "r" });
        const event = { workflowRunId: "r", eventType: "stage:progress", payload: {}, causationId: "c", occurredAt: new Date(0) };
        await processes[0]!.persistence.appendOutboxEvents(Array.from({ length: count }, () => event));
        const ids = (await processes[0]!.persistence.getUnpublishedOutboxEvents(count)).map(({ id }) => id);
        let isOver = false;
        const published = Promise.all(ids.map((id, i) => processes[i % rivals]!.publisher.markOutboxEventsPublished([id]))).finally(() => {
          isOver = true;
        });
        const reader = createPrismaReader(client.another());
        const seen: string[] = [];
        for (let cursor: string | undefined, wasOver = false; !wasOver; ) {
          // on SQLite whoever reads keeps others from writing
          await new Promise<void>((resolve) => void realEnvironment.setTimer(3, resolve));
          wasOver = isOver;
          for (;;) {
            const page = await reader.listAllEvents!(cursor, 7);
            if (page.items.length === 0) break;
            seen.push(...page.items.map(({ id }) => id));
            cursor = page.cursor;
          }
        }
        await published;
        expect([seen.length, [...seen].sort()]).toEqual([count, [...ids].sort()]);
      });
    });
  }
}
