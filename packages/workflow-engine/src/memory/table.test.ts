// The undo journal under random work: whatever happens inside a transaction that throws, every row and index is as before.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Journal } from "./journal.ts";
import { firstOf, Table } from "./table.ts";

interface Row {
  readonly value: number;
}

type Step =
  | { kind: "set"; key: string; value: number }
  | { kind: "delete"; key: string }
  | { kind: "nest"; steps: Step[]; throws: boolean };

const { steps } = fc.letrec<{ step: Step; steps: Step[] }>((tie) => ({
  step: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ kind: fc.constant("set" as const), key: fc.constantFrom("a", "b", "c", "d"), value: fc.nat(5) }),
    fc.record({ kind: fc.constant("delete" as const), key: fc.constantFrom("a", "b", "c", "d") }),
    fc.record({ kind: fc.constant("nest" as const), steps: tie("steps"), throws: fc.boolean() }),
  ),
  steps: fc.array(tie("step"), { maxLength: 6 }),
}));

function createTable(): { journal: Journal; table: Table<Row, "parity"> } {
  const journal = new Journal();
  return { journal, table: new Table<Row, "parity">(journal, { parity: ({ value }) => (value === 0 ? null : String(value % 2)) }) };
}

/** Does the steps on the table and on a plain Map that is copied before each transaction. */
function perform(steps: Step[], journal: Journal, table: Table<Row, "parity">, model: Map<string, number>): Map<string, number> {
  for (const step of steps) {
    if (step.kind === "set") {
      table.set(step.key, { value: step.value });
      model.set(step.key, step.value);
    } else if (step.kind === "delete") {
      table.delete(step.key);
      model.delete(step.key);
    } else {
      const copy = new Map(model);
      try {
        journal.atomically(() => {
          perform(step.steps, journal, table, copy);
          if (step.throws) throw new Error("undo");
        });
        model.clear();
        for (const [key, value] of copy) model.set(key, value);
      } catch {
        // the copy is dropped, the model stays
      }
    }
  }
  return model;
}

describe("Journal and Table", () => {
  it("keep rows and indexes equal to a copied model, whatever throws", () => {
    fc.assert(
      fc.property(steps, (plan) => {
        const { journal, table } = createTable();
        const model = new Map<string, number>();
        perform([{ kind: "nest", steps: plan, throws: false }], journal, table, model);
        const rows = table.values().map(({ value }) => value);
        expect(rows.sort()).toEqual([...model.values()].sort());
        for (const [key, value] of model) expect(table.get(key)).toEqual({ value });
        for (const parity of ["0", "1"]) {
          const expected = [...model.values()].filter((value) => value !== 0 && String(value % 2) === parity);
          expect(
            table
              .by("parity", parity)
              .map(({ value }) => value)
              .sort(),
          ).toEqual(expected.sort());
        }
      }),
      { numRuns: 500 },
    );
  });

  it("tell of an outermost commit only, with rows as they were", () => {
    const { journal, table } = createTable();
    const seen: unknown[] = [];
    journal.onCommit((layer) => seen.push(table.changesOf(layer)));
    journal.atomically(() => {
      journal.atomically(() => table.set("a", { value: 1 }));
      table.set("a", { value: 2 });
    });
    expect(seen).toEqual([[{ before: undefined, after: { value: 2 } }]]);
    expect(() =>
      journal.atomically(() => {
        table.set("a", { value: 3 });
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(seen).toHaveLength(1);
  });

  it("refuse a write outside a transaction", () => {
    expect(() => createTable().table.set("a", { value: 1 })).toThrow("outside a transaction");
  });
});

describe("firstOf", () => {
  it("answers what a stable sort and a slice would", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ order: fc.nat(4), id: fc.nat() })), fc.nat(8), (rows, max) => {
        const byOrder = (a: { order: number }, b: { order: number }): number => a.order - b.order;
        expect(firstOf(rows, max, byOrder)).toEqual(rows.toSorted(byOrder).slice(0, max));
      }),
    );
  });
});
