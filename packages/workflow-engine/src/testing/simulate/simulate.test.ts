// simulate() as its users have it: it finds an effect that happens twice, tells it so that a person can read it, and replays it.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineWorkflow } from "../../define/builder.ts";
import { defineStage } from "../../define/stage.ts";
import { type SimulateOptions, SimulationError, simulate } from "./simulate.ts";
import type { SimulatedCode } from "./watched-workflow.ts";

/** A bank that charges whoever it is asked to, unless it is given a key it knows. */
class Bank {
  readonly charges: string[] = [];

  charge(order: string, key?: string): void {
    if (key === undefined || !this.charges.includes(key)) this.charges.push(key ?? order);
  }
}

const Order = z.object({ order: z.string() });

/** Charges a card, then sends a receipt. `keyed` gives the bank a key, as one should. */
const shop =
  (isKeyed: boolean) =>
  ({ outside, call }: SimulatedCode<Bank>) =>
    defineWorkflow({ id: "shop", name: "Shop", input: Order })
      .pipe(
        defineStage({
          id: "charge",
          name: "Charge",
          schemas: { input: Order, output: Order, config: z.object({}) },
          async execute({ input }) {
            await call("charge the card", () => outside.charge(input.order, isKeyed ? `order-${input.order}` : undefined));
            return { output: input };
          },
        }),
      )
      .pipe(
        defineStage({
          id: "receipt",
          name: "Receipt",
          schemas: { input: Order, output: Order, config: z.object({}) },
          execute: async ({ input }) => ({ output: input }),
        }),
      )
      .build();

const options: SimulateOptions<Bank> = {
  input: { order: "4711" },
  outside: () => new Bank(),
  invariants: {
    "a card is charged once": ({ outside }) => outside.charges.length <= 1 || `it was charged ${outside.charges.length} times`,
  },
};

const failureOf = async (work: Promise<unknown>): Promise<SimulationError> => {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SimulationError);
  return error as SimulationError;
};

describe("simulate", () => {
  it("finds an effect that is not idempotent, and tells the shortest history", async () => {
    const failure = await failureOf(simulate(shop(false), { ...options, seeds: 2_000 }));
    expect(failure.invariant).toBe("a card is charged once");
    expect(failure.history.split(";").length).toBeLessThanOrEqual(2);
    expect(failure.message).toContain(`it was charged 2 times`);
    const lines = failure.story.filter((line) => /! |begins charge|outside: charge the card/.test(line));
    expect(lines).toHaveLength(5); // what went wrong, and two charges
    expect(failure.message).toContain(`seed: ${failure.seed}, history: ${JSON.stringify(failure.history)}`);
  });

  it("passes the same workflow with a key", async () => {
    const report = await simulate(shop(true), { ...options, seeds: 100 });
    expect(report.histories).toBe(100);
    expect(report.faults).toBeGreaterThan(20);
  });

  it("replays a failure by its seed, and by its history, to the letter", async () => {
    const { seed, history, story } = await failureOf(simulate(shop(false), { ...options, seeds: 2_000 }));
    expect((await failureOf(simulate(shop(false), { ...options, seed }))).story).toEqual(story);
    expect((await failureOf(simulate(shop(false), { ...options, seed, history }))).story).toEqual(story);
  });

  it("needs only a workflow and its input", async () => {
    const Empty = z.object({});
    const execute = async () => ({ output: {} });
    const schemas = { input: Empty, output: Empty, config: Empty };
    const workflow = defineWorkflow({ id: "w", name: "W", input: Empty })
      .pipe(defineStage({ id: "only", name: "Only", schemas, execute }))
      .build();
    expect((await simulate(workflow, { input: {}, seeds: 50 })).histories).toBe(50);
  });

  it("waits for code that really waits, and for none that waits for its end", async () => {
    const Empty = z.object({});
    const schemas = { input: Empty, output: Empty, config: Empty };
    const execute = async () => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return { output: {} };
    };
    const workflow = defineWorkflow({ id: "w", name: "W", input: Empty })
      .pipe(defineStage({ id: "real", name: "Real", schemas, execute }))
      .build();
    const early = {
      "it took no virtual time to speak of": ({ runs }: { runs: readonly { run: { duration: number | null } }[] }) =>
        (runs[0]?.run.duration ?? 0) < 1_000,
    };
    expect((await simulate(workflow, { seeds: 10, faults: [], invariants: early })).histories).toBe(10);
    const hanging = defineStage({
      id: "hangs",
      name: "Hangs",
      schemas,
      timeoutMs: 5_000,
      retry: { maxAttempts: 1 },
      execute: () => new Promise<never>(() => undefined),
    });
    const stuck = defineWorkflow({ id: "stuck", name: "Stuck", input: Empty }).pipe(hanging).build();
    expect((await simulate(stuck, { seeds: 2, faults: [] })).histories).toBe(2);
  });

  it("tells of an invariant that throws, and of a script that does", async () => {
    const thrower = {
      "always wrong": () => {
        throw new Error("as said");
      },
    };
    const failure = await failureOf(
      simulate(shop(true), { input: { order: "1" }, outside: () => new Bank(), seeds: 1, invariants: thrower }),
    );
    expect([failure.invariant, failure.problem]).toEqual(["always wrong", "as said"]);
    const script = () => Promise.reject(new Error("no such command"));
    expect((await failureOf(simulate(shop(true), { outside: () => new Bank(), seeds: 1, script }))).problem).toContain("no such command");
  });
});
