// Several processes on one database, each with a client of its own: real connections, real locks. Counts come from PROOF.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { realEnvironment } from "../environment.ts";
import { storeOver } from "../store/store-over.ts";
import type { DatabaseType } from "./client.ts";
import { openClient, type TestClient } from "./clients.test-fixture.ts";
import { createPrismaJobQueue, createPrismaWorkflowPersistence } from "./factories.ts";
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
      const processOn = (prisma: TestClient["prisma"]) => {
        const persistence = createPrismaWorkflowPersistence(prisma);
        const jobTransport = createPrismaJobQueue(prisma);
        return { persistence, jobTransport, runStore: storeOver({ persistence, jobTransport, environment: realEnvironment }) };
      };

      beforeAll(async () => {
        client = await openClient(schema, databaseType, path.join(folder, "test.db"));
        processes = Array.from({ length: rivals }, () => processOn(client.another()));
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

      it("a run is claimed by one, and all are claimed", async () => {
        for (let i = 0; i < 12; i++) await processes[0]!.persistence.createRun(names);
        const claimed = await Promise.all(Array.from({ length: 16 }, (_, i) => processes[i % rivals]!.persistence.claimNextPendingRun()));
        const ids = claimed.flatMap((run) => (run ? [run.id] : []));
        expect([ids.length, new Set(ids).size]).toEqual([12, 12]);
      });
    });
  }
}
