// The fixture that lets virtual time pass: not before a database has answered, however slow it is.
import { describe, expect, it } from "vitest";
import { realEnvironment } from "../environment.ts";
import type { PrismaClientLike } from "./client.ts";
import { watched } from "./clients.test-fixture.ts";

/** Turns of the event loop that pass while a slow answer is waited for. */
const manyTurns = 50_000;

const turn = (): Promise<void> => new Promise((resolve) => realEnvironment.defer(resolve));

describe("a watched client", () => {
  it("is quiet once the slowest of its queries is answered, and what that asks next", async () => {
    const log: string[] = [];
    const query = async (name: string): Promise<void> => {
      for (let i = 0; i < manyTurns; i++) await turn();
      log.push(name);
    };
    const { prisma, quiet } = watched({ run: { findMany: query } } as unknown as PrismaClientLike);
    const { findMany } = (prisma as unknown as { run: { findMany: typeof query } }).run;
    void findMany("first").then(async () => {
      await turn();
      await findMany("second");
    });
    await quiet();
    expect(log).toEqual(["first", "second"]);
  });

  it("is quiet after a query that fails, which is its caller's to hear of", async () => {
    const { prisma, quiet } = watched({ run: { findMany: () => Promise.reject(new Error("refused")) } } as unknown as PrismaClientLike);
    const { findMany } = (prisma as unknown as { run: { findMany(): Promise<void> } }).run;
    const failed = expect(findMany()).rejects.toThrow("refused");
    await quiet();
    await failed;
  });
});
