// Model calls and wake-ups that nobody waits for are not lost when the transaction that takes them has to begin again (P20, P23).
import { expect, it } from "vitest";
import type { Session } from "../db.ts";
import { RowQueue } from "./row-queue.ts";
import type { Step, Steps } from "./steps.ts";

it("P20: rows of a transaction that is tried again are in the try that counts, with those that came meanwhile", async () => {
  const tries: string[][] = [];
  const write = async <R>(work: (step: Step) => Promise<R>): Promise<R> => {
    await work({ session: {} as Session } as Step);
    queue.add("late");
    return work({ session: {} as Session } as Step);
  };
  const queue = new RowQueue<string>({ write } as Steps, async (_, rows) => void tries.push([...rows]));
  queue.add("early");
  await queue.flush();
  expect(tries).toEqual([["early"], ["early", "late"]]);
});
