// Deliveries of events to single consumers (P18), for every process to see. Only where the schema has the model.
import type { DeliveryMark, DeliveryRows } from "../ports/delivery.ts";
import { deliveryModel } from "./models.ts";
import { Rows } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

/** A delivery as kept. */
export interface DeliveryEntry extends Omit<DeliveryMark, "nextAt" | "deadAt"> {
  id: string;
  nextAt: Date | null;
  deadAt: Date | null;
}

/** The deliveries of a client; undefined when its schema has no table for them. */
export function deliveryRows(session: PrismaSession): DeliveryRows | undefined {
  if (!session.hasModel(deliveryModel)) return undefined;
  return {
    list: async (eventIds) =>
      (await listDeliveries(session, eventIds)).map(({ id: _, nextAt, deadAt, ...mark }) => ({
        ...mark,
        nextAt: toMs(nextAt),
        deadAt: toMs(deadAt),
      })),
    save: ({ nextAt, deadAt, ...mark }) => saveDelivery(session, { ...mark, nextAt: toDate(nextAt), deadAt: toDate(deadAt) }),
    delete: async (eventId, consumer) => {
      await session.step((inner) => new Rows<DeliveryEntry>(inner, deliveryModel).delete({ eventId, consumer }));
    },
  };
}

/** Deliveries of these events, by consumer. */
export async function listDeliveries(session: PrismaSession, eventIds: readonly string[]): Promise<DeliveryEntry[]> {
  if (eventIds.length === 0 || !session.hasModel(deliveryModel)) return [];
  const query = { where: { eventId: { in: [...eventIds] } }, orderBy: [{ consumer: "asc" }, { id: "asc" }] };
  return session.step((inner) => new Rows<DeliveryEntry>(inner, deliveryModel).list(query));
}

function saveDelivery(session: PrismaSession, entry: Omit<DeliveryEntry, "id">): Promise<void> {
  const { eventId, consumer, workflowRunId, ...fields } = entry;
  return session.atomically(async (inner) => {
    const rows = new Rows<DeliveryEntry>(inner, deliveryModel);
    if ((await rows.set({ eventId, consumer }, fields)) > 0) return;
    await rows.create({ id: inner.newId(), eventId, consumer, workflowRunId, ...fields });
  });
}

function toDate(at: number | null): Date | null {
  return at === null ? null : new Date(at);
}

function toMs(date: Date | null): number | null {
  return date === null ? null : date.getTime();
}
