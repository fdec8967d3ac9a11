// The order of publications (P18) where it is hardest: who finds no clock yet is overtaken by others before it looks again. Two clients
// on one PostgreSQL, and an order of their statements and commits that does not depend on luck.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realEnvironment } from "../environment.ts";
import type { PrismaClientLike, PrismaMethods } from "./client.ts";
import { openClient, type TestClient } from "./clients.test-fixture.ts";
import { createPrismaReader, createPrismaWorkflowPersistence } from "./factories.ts";
import { fullerSchema, smallestSchema } from "./schemas.test-fixture.ts";

type Client = PrismaClientLike & PrismaMethods;

/** The client with one method replaced. */
function withMethod<T extends object>(target: T, name: string, method: unknown): T {
  return new Proxy(target, { get: (owner, key) => (key === name ? method : (Reflect.get(owner, key) as unknown)) });
}

/** A client whose transactions stop behind their first own query, whatever it has found, until they may go on. */
function stopping(prisma: Client) {
  const stopped = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const queryOn =
    (tx: PrismaClientLike): PrismaMethods["$queryRawUnsafe"] =>
    async (sql, ...values) => {
      const rows = await (tx as Client).$queryRawUnsafe(sql, ...values);
      stopped.resolve();
      await goOn.promise;
      return rows;
    };
  const transaction: PrismaMethods["$transaction"] = (work, limits) =>
    prisma.$transaction((tx) => work(withMethod(tx, "$queryRawUnsafe", queryOn(tx))), limits);
  return { prisma: withMethod(prisma, "$transaction", transaction), stopped: stopped.promise, goOn: goOn.resolve };
}

describe.each([smallestSchema, fullerSchema])("publications on postgresql, $name schema", (schema) => {
  let client: TestClient;
  beforeAll(async () => void (client = await openClient(schema, "postgresql")));
  afterAll(() => client.close());

  /** Waits until somebody waits for another's transaction. */
  const blocked = async (): Promise<void> => {
    const query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while ((await client.prisma.$queryRawUnsafe(query)).length === 0);
  };

  it("the first ones of a database are given out one at a time too: none goes before a cursor", async () => {
    let now = 1_000;
    const ahead = createPrismaWorkflowPersistence(client.prisma, { environment: { ...realEnvironment, now: () => now } });
    const slow = stopping(client.another());
    const behind = createPrismaWorkflowPersistence(slow.prisma, { environment: { ...realEnvironment, now: () => 0 } });
    await ahead.createRun({ workflowId: "w", workflowName: "W", workflowType: "w", input: {}, id: "r" });
    const event = { workflowRunId: "r", eventType: "stage:progress", payload: {}, causationId: "c", occurredAt: new Date(0) };
    for (let i = 0; i < 3; i++) await ahead.appendOutboxEvents([event]);
    const ids = Object.fromEntries((await ahead.getUnpublishedOutboxEvents(3)).map(({ id, sequence }) => [sequence, id]));

    const last = behind.markOutboxEventsPublished([ids[2]!]);
    await slow.stopped; // it has found no clock
    await ahead.markOutboxEventsPublished([ids[1]!]);
    now = 2_000;
    await ahead.withTransaction(async (tx) => {
      await tx.markOutboxEventsPublished([ids[3]!]);
      slow.goOn();
      await blocked();
    });
    await last;

    const reader = createPrismaReader(client.another());
    const all = await reader.listAllEvents!();
    expect(all.items.map(({ sequence }) => sequence)).toEqual([1, 3, 2]);
    const rest = await reader.listAllEvents!(all.items.find(({ sequence }) => sequence === 3)!.cursor);
    expect(rest.items.map(({ sequence }) => sequence)).toEqual([2]);
  });
});
