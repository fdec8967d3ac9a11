// The database's time in one process, with literals.
import { describe, expect, it } from "vitest";
import { createFakeEnvironment } from "../../kernel/testing/index.ts";
import type { StoreSignal } from "../../ports/store.ts";
import { DatabaseClock } from "./postgres-clock.ts";

const work: StoreSignal = { hasWork: true, hasEvents: false, mayHaveLost: false, wakeAt: null, ended: [] };

/** A clock that is read once; the environment's clock and the database's are set apart. */
async function clockOf(given?: () => number) {
  const own = { at: 10_000, there: 50_000 };
  const session = { readClock: async () => own.there };
  const environment = { ...createFakeEnvironment(), now: () => own.at };
  const clock = new DatabaseClock(environment, (read) => read(session), given);
  const read = async (): Promise<void> => {
    await clock.keep(session);
    await clock.settled();
  };
  await read();
  return { clock, own, read };
}

describe("the database's clock", () => {
  it("is as far ahead of one's own as it was when it was read, and never goes back for a reading that says less", async () => {
    const { clock, own, read } = await clockOf();
    expect(clock.now()).toBe(50_000);
    own.at += 1_000;
    own.there += 990;
    await read();
    expect(clock.now()).toBe(50_990);
    own.at += 5;
    expect(clock.now()).toBe(50_995);
    own.at += 1_000;
    own.there += 980;
    expect(clock.now()).toBe(51_995);
    await read();
    expect(clock.now()).toBe(51_995);
    own.at += 60;
    expect(clock.now()).toBe(52_030);
  });

  it("goes back when it was wrong", async () => {
    const { clock, own, read } = await clockOf();
    own.at += 60_000;
    expect(clock.now()).toBe(110_000);
    own.there += 1_000;
    await read();
    expect(clock.now()).toBe(51_000);
  });

  it("is never earlier than that of somebody who has called", async () => {
    const { clock, own } = await clockOf();
    expect(clock.hears(work, 49_999)).toBe(work);
    expect(clock.now()).toBe(50_000);
    expect(clock.hears(work, 50_007)).toBe(work);
    expect(clock.now()).toBe(50_007);
    own.at += 20;
    expect(clock.now()).toBe(50_020);
  });

  it("does not follow one that is far ahead: it looks when that time has come", async () => {
    const { clock } = await clockOf();
    expect(clock.hears(work, 51_001)).toEqual({ ...work, wakeAt: 51_001 });
    expect(clock.hears({ ...work, wakeAt: 50_500 }, 51_001)).toEqual({ ...work, wakeAt: 50_500 });
    expect(clock.now()).toBe(50_000);
    const { clock: given } = await clockOf(() => 7);
    expect(given.hears(work, 9)).toEqual({ ...work, wakeAt: 9 });
    expect(given.now()).toBe(7);
  });
});
