// The outbox: one flusher, sequences without gaps, queues behind a consumer that fails, dead letters, retention.
import { beforeEach, describe, expect, it } from "vitest";
import type { Delivery, EventBatch, StoredEvent } from "../ports/store.ts";
import { createFixture, type RunFixture, START } from "./runs.test-fixture.ts";

let fixture: RunFixture;
beforeEach(() => {
  fixture = createFixture();
});

const limits = { publishedBefore: START, deadBefore: START, keysBefore: START, endedRunsBefore: null, max: 100 };

async function take(max = 10): Promise<EventBatch> {
  const batch = await fixture.store.takeEvents({ max, leaseMs: 100 });
  if (!batch) throw new Error("another flusher holds the outbox");
  return batch;
}

function settle(batch: EventBatch, failed: Delivery[] = [], delivered: Delivery[] = []): Promise<boolean> {
  return fixture.store.settleEvents({ token: batch.token, published: batch.fresh, failed, delivered });
}

function failing(event: StoredEvent, fields: Partial<Delivery> = {}): Delivery {
  return { consumer: "c", event, tries: 1, nextAt: fixture.now, deadAt: null, error: "no", ...fields };
}

function tell(runId: string, ...reasons: string[]): Promise<null> {
  return fixture.change(runId, { events: reasons.map((reason) => ({ type: "workflow:cancelled" as const, reason })) });
}

describe("takeEvents and settleEvents", () => {
  it("lets one flusher at a time, until its lease is over", async () => {
    await fixture.create("r1");
    const first = await take();
    expect(await fixture.store.takeEvents({ max: 1, leaseMs: 1 })).toBeNull();
    fixture.now += 100;
    const second = await take();
    expect(await settle(first)).toBe(false);
    expect(await settle(second)).toBe(true);
    expect(await settle(second)).toBe(false);
    expect((await take()).fresh).toEqual([]);
  });

  it("takes whole rows up to max, and gives the same event the same id and sequence again", async () => {
    await fixture.create("r1");
    await tell("r1", "a", "b", "c");
    const ids = (events: StoredEvent[]): unknown[] => events.map(({ id, sequence }) => [id, sequence]);
    const first = await take(3);
    expect(first.fresh).toHaveLength(1);
    fixture.now += 100;
    const again = await take(4);
    expect(ids(again.fresh).slice(0, 1)).toEqual(ids(first.fresh));
    expect(again.fresh.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
    expect(again.fresh[3]).toMatchObject({ type: "workflow:cancelled", fields: { reason: "c" }, occurredAt: START });
  });

  it("goes on counting after retention took what was published", async () => {
    await fixture.create("r1");
    await settle(await take());
    fixture.now += 10;
    expect((await fixture.store.sweep({ ...limits, publishedBefore: fixture.now })).events).toBe(1);
    await tell("r1", "later");
    expect((await take()).fresh.map(({ sequence }) => sequence)).toEqual([2]);
  });

  it("hands out copies", async () => {
    await fixture.create("r1");
    const batch = await take();
    await settle(batch, [failing(batch.fresh[0]!)]);
    batch.fresh[0]!.fields["workflowId"] = "changed";
    expect((await take()).pending[0]!.event.fields).toEqual({ workflowId: "w" });
  });
});

describe("deliveries", () => {
  it("come when due, with those that wait behind them, and with fresh ones of the run", async () => {
    await fixture.create("r1");
    await tell("r1", "second");
    const batch = await take();
    const [head, behind] = batch.fresh;
    const later = { nextAt: fixture.now + 50 };
    await settle(batch, [failing(behind!, { nextAt: null, tries: 0 }), failing(head!, later)]);
    const early = await take();
    expect(early.pending).toEqual([]);
    await settle(early);
    await tell("r1", "third");
    const withFresh = await take();
    expect(withFresh.pending.map(({ event }) => event.sequence)).toEqual([1, 2]);
    await settle(withFresh);
    fixture.now += 50;
    const due = await take();
    expect(due.pending.map(({ event }) => event.sequence)).toEqual([1, 2]);
    await settle(due, [], due.pending);
    expect((await take()).pending).toEqual([]);
  });

  it("die, are listed, come back by replay, and keep their event from retention", async () => {
    await fixture.create("r1");
    const batch = await take();
    await settle(batch, [failing(batch.fresh[0]!, { tries: 3, nextAt: null, deadAt: fixture.now })]);
    const idle = await take();
    expect(idle.pending).toEqual([]);
    await settle(idle);
    expect((await fixture.whole.reader.listDeadLetters()).items).toMatchObject([
      { consumer: "c", tries: 3, error: "no", event: { sequence: 1, eventType: "workflow:created", payload: { workflowId: "w" } } },
    ]);
    expect((await fixture.store.sweep({ ...limits, publishedBefore: START + 1 })).events).toBe(0);
    const signals: boolean[] = [];
    fixture.store.onSignal(({ hasEvents }) => signals.push(hasEvents));
    expect(await fixture.store.replayDeadLetters(10)).toBe(1);
    expect(signals).toEqual([true]);
    expect((await take()).pending).toMatchObject([{ tries: 0, deadAt: null, nextAt: START }]);
  });

  it("dead for too long are given up, and their events go", async () => {
    await fixture.create("r1");
    const batch = await take();
    await settle(batch, [failing(batch.fresh[0]!, { nextAt: null, deadAt: START - 1 })]);
    expect((await fixture.store.sweep({ ...limits, publishedBefore: START + 1 })).events).toBe(1);
  });
});

describe("events of the CRUD port", () => {
  const event = { workflowRunId: "r1", eventType: "custom", payload: { at: new Date(5), n: 0 }, causationId: "c", occurredAt: new Date(7) };

  it("are sequenced at append, copied, and come back as they were given", async () => {
    const { persistence } = fixture.whole;
    await persistence.appendOutboxEvents([event, { ...event, payload: 3 }]);
    const [first, second] = await persistence.getUnpublishedOutboxEvents();
    expect(first).toMatchObject({ sequence: 1, eventType: "custom", payload: event.payload, occurredAt: new Date(7), publishedAt: null });
    expect(second).toMatchObject({ sequence: 2, payload: 3 });
    (first!.payload as { n: number }).n = 9;
    expect((await persistence.getUnpublishedOutboxEvents(1))[0]!.payload).toEqual(event.payload);
    expect((await take()).fresh.map(({ type, fields }) => [type, fields])).toEqual([
      ["custom", event.payload],
      ["custom", { payload: 3 }],
    ]);
  });

  it("are published, retried and dead-lettered one by one, also those of one commit", async () => {
    const { persistence, reader } = fixture.whole;
    await fixture.create("r1");
    await tell("r1", "a", "b");
    const [created, a, b] = await persistence.getUnpublishedOutboxEvents();
    expect([created, a, b].map((record) => record!.sequence)).toEqual([1, 2, 3]);
    await persistence.markOutboxEventsPublished([created!.id, a!.id]);
    expect(await persistence.incrementOutboxRetryCount(b!.id)).toBe(1);
    expect(await persistence.incrementOutboxRetryCount(b!.id)).toBe(2);
    expect(await persistence.getUnpublishedOutboxEvents()).toMatchObject([{ id: b!.id, retryCount: 2 }]);
    await persistence.moveOutboxEventToDLQ(b!.id);
    expect(await persistence.getUnpublishedOutboxEvents()).toEqual([]);
    expect((await reader.listDeadLetters()).items).toMatchObject([{ consumer: "sink", tries: 2, event: { id: b!.id } }]);
    expect((await reader.listEvents("r1")).map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(await persistence.replayDLQEvents(5)).toBe(1);
    expect(await persistence.getUnpublishedOutboxEvents()).toMatchObject([{ id: b!.id, retryCount: 0, dlqAt: null }]);
    await persistence.markOutboxEventsPublished([b!.id]);
    expect((await reader.listEvents("r1", 1)).map(({ sequence }) => sequence)).toEqual([2, 3]);
    expect((await take()).fresh).toEqual([]);
  });
});
