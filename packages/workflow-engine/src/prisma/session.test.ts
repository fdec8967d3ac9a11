// What a session on a Prisma client keeps apart, and what it keeps together.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { realEnvironment } from "../environment.ts";
import { InMemoryAICallLogger } from "../memory/memory-ai-call-logger.ts";
import type { AICallLogger } from "../ports/ledger.ts";
import { storeOver } from "../store/store-over.ts";
import { openClient, type TestClient } from "./clients.test-fixture.ts";
import { createEnumHelper } from "./enum-helper.ts";
import { createPrismaAICallLogger, createPrismaJobQueue, createPrismaWorkflowPersistence } from "./factories.ts";
import { smallestSchema } from "./schemas.test-fixture.ts";

const names = { workflowId: "w", workflowName: "W", workflowType: "w", input: {} };
const stage = { runId: "r", stageId: "a", item: 0, name: "A", number: 1, group: 1, status: "PENDING", attempt: 0, maxAttempts: 3 } as const;
const waits = { executionId: "e", lease: null, waitReason: null, readyAt: 0, pollAt: null, pollIntervalMs: null, maxWaitUntil: null };
const times = { pollFailures: 0, startedAt: null, completedAt: null, error: null };

describe.each(["sqlite", "postgresql"] as const)("a session on %s", (databaseType) => {
  let client: TestClient;
  beforeAll(async () => void (client = await openClient(smallestSchema, databaseType)));
  beforeEach(() => client.clear());
  afterAll(() => client.close());

  it("loses no query that comes in beside a transaction that is taken back", async () => {
    const persistence = createPrismaWorkflowPersistence(client.prisma);
    let beside: Promise<unknown> = Promise.resolve();
    const broken = persistence.withTransaction(async (tx) => {
      await tx.createRun({ ...names, id: "inside" });
      beside = persistence.createRun({ ...names, id: "beside" });
      await new Promise((resolve) => setImmediate(resolve));
      await tx.getRun("inside");
      throw new Error("take it back");
    });
    await expect(broken).rejects.toThrow("take it back");
    await beside;
    expect([await persistence.getRun("inside"), (await persistence.getRun("beside"))?.id]).toEqual([null, "beside"]);
  });

  it("opens a stage and enqueues its job in one transaction, when persistence and queue are of one client", async () => {
    const persistence = createPrismaWorkflowPersistence(client.prisma);
    const open = (jobTransport: ReturnType<typeof createPrismaJobQueue>, id: string, isBroken = false) => {
      const store = storeOver({ persistence, jobTransport, environment: realEnvironment });
      const decide = () => ({ result: null, open: [{ ...stage, ...waits, ...times, runId: id }] });
      const resultOf = () => {
        if (isBroken) throw new Error("after the jobs");
      };
      const key = { key: id, commandType: "t", hash: "h", mode: "once", resultOf, replay: () => null } as const;
      return store.transact({ runId: id, key, decide });
    };
    const queue = createPrismaJobQueue(client.prisma);
    for (const id of ["one", "two", "bad"]) await persistence.createRun({ ...names, id, status: "RUNNING" });
    await open(queue, "one");
    expect(await persistence.getUnpublishedOutboxEvents(), "rows that stand for jobs").toEqual([]);
    expect(await queue.dequeue()).toMatchObject({ workflowRunId: "one", stageId: "a" });
    await expect(open(queue, "bad", true)).rejects.toThrow("after the jobs");
    expect([await queue.dequeue(), await persistence.getStagesByRun("bad")]).toEqual([null, []]);
    expect(createPrismaJobQueue(client.another()).sharesWith(persistence), "another client").toBe(false);
  });

  it("keeps budgets with the call logger of the same client only", () => {
    const parts = { persistence: createPrismaWorkflowPersistence(client.prisma), jobTransport: createPrismaJobQueue(client.prisma) };
    const keeps = (aiCallLogger?: AICallLogger) => storeOver({ ...parts, environment: realEnvironment, aiCallLogger }).keepsBudgets;
    const loggers = [undefined, client.prisma, client.another()].map((prisma) => prisma && createPrismaAICallLogger(prisma));
    expect(loggers.map(keeps), "nobody who makes calls, one of this client, one of another").toEqual([true, true, false]);
    expect(keeps(new InMemoryAICallLogger()), "one of another kind").toBe(false);
  });

  it("keeps calls and budgets that live in keys for as long as their run, whatever becomes of keys", async () => {
    const persistence = createPrismaWorkflowPersistence(client.prisma);
    const ledger = createPrismaAICallLogger(client.prisma).ledger!;
    const texts = { topic: "t", callType: "text", modelKey: "m", modelId: "m", prompt: "p" } as const;
    const origin = { runId: "r", stageId: null, attempt: null, executionId: null, price: null };
    const open = (id: string) => ledger.openCall({ id, ...texts, ...origin, worst: { inputTokens: 1, outputTokens: 0, costPico: 1n } });
    await persistence.createRun({ ...names, id: "r" });
    await persistence.budgets.create("r", { usdPico: null, tokens: 1, onExceed: "hold" });
    expect(await open("c1")).toBeNull();
    const [key] = [
      await persistence.acquireIdempotencyKey("k", "run.create"),
      await persistence.completeIdempotencyKey("k", "run.create", 1),
    ];
    const inAYear = realEnvironment.now() + 365 * 86_400_000;
    const limits = { publishedBefore: inAYear, deadBefore: inAYear, keysBefore: inAYear, endedRunsBefore: null, max: 100 };
    expect([key, (await persistence.sweep(limits)).keys]).toEqual([{ status: "acquired" }, 1]);
    expect(await open("c2")).toMatchObject({ trippedBy: "tokens", spentTokens: 1 });
    expect((await ledger.listCalls({ runId: "r", status: "open" })).map(({ id }) => id)).toEqual(["c1"]);
    await persistence.deleteRun("r");
    expect([await client.prisma.$queryRawUnsafe('SELECT * FROM "idempotency_keys"'), await ledger.listCalls({})]).toEqual([[], []]);
  });
});

describe("the enum helper", () => {
  it("gives the client's own values, or the text, and refuses others", () => {
    const methods = { $transaction: null, $queryRawUnsafe: null, $executeRawUnsafe: null };
    const helper = createEnumHelper({ ...methods, $Enums: { Status: { PENDING: "pending" } } } as never);
    expect([helper.status("PENDING"), helper.status("FAILED"), helper.artifactType("ARTIFACT")]).toEqual(["pending", "FAILED", "ARTIFACT"]);
    expect(() => helper.logLevel("LOUD" as never)).toThrow('"LOUD" is no LogLevel');
  });
});
