import { expect, test } from "vitest";
import { cut, formatAge, formatBytes, formatCost, formatDuration, formatTable, formatValue } from "./format.ts";

test.for<[ms: number | null, text: string]>([
  [null, "—"],
  [0, "0ms"],
  [999.4, "999ms"],
  [3_440, "3.4s"],
  [59_949, "59.9s"],
  [59_950, "1m 00s"],
  [125_000, "2m 05s"],
  [3_599_999, "1h 00m"],
  [11_520_000, "3h 12m"],
  [90_000_000, "1d 1h"],
])("duration of %s ms is %s", ([ms, text]) => {
  expect(formatDuration(ms)).toBe(text);
});

test.for<[usd: number, text: string]>([
  [0, "$0.00"],
  [1.2, "$1.20"],
  [0.5, "$0.50"],
  [0.0042, "$0.0042"],
  [0.0000031, "$0.0000031"],
])("cost of %s is %s", ([usd, text]) => {
  expect(formatCost(usd)).toBe(text);
});

test("ages, sizes and cut text", () => {
  const now = 10 * 86_400_000;
  expect([500, 12_000, 3 * 3_600_000, 2 * 86_400_000].map((ms) => formatAge(new Date(now - ms), now))).toEqual([
    "now",
    "12s ago",
    "3h ago",
    "2d ago",
  ]);
  expect([312, 4_300, 5_000_000].map(formatBytes)).toEqual(["312 B", "4.2 KiB", "4.8 MiB"]);
  expect(cut("two\n lines and more", 9)).toBe("two line…");
});

test("a table's columns are as wide as their widest cell, colours not counted", () => {
  expect(
    formatTable(
      ["A", "B"],
      [
        ["\u001b[31mlong\u001b[39m", "x"],
        ["s", "y"],
      ],
    ),
  ).toEqual(["A     B", "\u001b[31mlong\u001b[39m  x", "s     y"]);
});

test("values: strings bare, long strings and long lists cut, and it says so", () => {
  expect(formatValue("two\nlines")).toEqual(["two", "lines"]);
  expect(formatValue({ text: "x".repeat(400) }).join("")).toContain(`${"x".repeat(300)}… (400 characters)`);
  expect(formatValue([1, 2, 3], { text: 10, lines: 2 })).toEqual(["[", "  1,", "… 3 more lines"]);
  expect(formatValue(undefined)).toEqual(["undefined"]);
});
