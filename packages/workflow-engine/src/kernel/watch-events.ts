// Events as this process commits them, for a caller that drives one run itself and does not want to wait for somebody to publish. The rows
// stay in the outbox for those who do (P18).
import type { DraftEvent, KernelEvent } from "../ports/event.ts";
import type { RunStore, Unit } from "../ports/store.ts";
import { encodeEvent, toKernelEvent } from "../store/event-codec.ts";

/** The same store; `tell` hears of every event that a unit of this run has committed, in order. */
export function watchEvents(store: RunStore, runId: string, tell: (event: KernelEvent) => void): RunStore {
  const transact = async <R>(unit: Unit<R>): Promise<R> => {
    if (unit.runId !== runId) return store.transact(unit);
    let decided: { at: number; events: readonly DraftEvent[] } = { at: 0, events: [] };
    const result = await store.transact<R>({
      ...unit,
      decide: (snapshot, at) => {
        const changes = unit.decide(snapshot, at);
        decided = { at, events: changes.need ? [] : (changes.events ?? []) };
        return changes;
      },
    });
    for (const event of decided.events) tell(eventOf(event, runId, decided.at));
    return result;
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "transact") return transact;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Has no id and no place in the run's order yet: those it gets when it is published. */
function eventOf(draft: DraftEvent, runId: string, occurredAt: number): KernelEvent {
  const { type, ...fields } = JSON.parse(encodeEvent(draft)) as { type: string };
  const { eventId: _, ...event } = toKernelEvent({ id: "", runId, sequence: 0, type, fields, occurredAt });
  return event as KernelEvent;
}
