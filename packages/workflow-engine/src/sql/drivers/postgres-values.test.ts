// Rows on their way to PostgreSQL.
import { expect, it } from "vitest";
import { inParts } from "./postgres-values.ts";

it("rows of long texts travel in parts, each of them whole, and what is short in one", () => {
  const rows = [
    ["abcd", 1],
    ["ef", null],
    ["ghijkl", 2],
    ["", 3],
  ];
  expect(inParts(rows, 6)).toEqual([rows.slice(0, 2), rows.slice(2)]);
  expect(inParts(rows, 3)).toEqual([[rows[0]], [rows[1]], rows.slice(2, 3), [rows[3]]]);
  expect(inParts(rows)[0]).toBe(rows);
});
