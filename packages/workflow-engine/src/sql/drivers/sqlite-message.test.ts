import { describe, expect, it } from "vitest";
import { begin, commit, type Step } from "./sqlite-connection.ts";
import { packSteps, unpackSteps } from "./sqlite-message.ts";

describe("a message to the thread of a SQLite file", () => {
  it("brings steps as they were: every kind of value, in its row", () => {
    const steps: Step[] = [
      begin,
      { do: "check", text: "SELECT 1 WHERE ?1", rows: [["a"], [null], [0]] },
      {
        do: "send",
        text: "INSERT INTO t VALUES (?1, ?2, ?3)",
        rows: [
          ["", -1.5, null],
          ["ä\u{1F600}\ud800", Number.MAX_SAFE_INTEGER, '{"n":1}'],
        ],
      },
      { do: "read", text: "SELECT 2", rows: [[]] },
      { do: "write", text: "DELETE FROM t", rows: [] },
      { do: "version" },
      commit,
    ];
    expect(unpackSteps(structuredClone(packSteps(steps)))).toEqual(steps);
  });

  it("takes nothing that SQLite would not", () => {
    expect(() => packSteps([{ do: "send", text: "INSERT", rows: [[undefined as never]] }])).toThrow("A undefined cannot be bound");
  });
});
