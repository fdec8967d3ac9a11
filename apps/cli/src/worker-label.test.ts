import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { isDead, labelOf, parseLabel, shortLabel } from "./worker-label.ts";

test("a label names its process, and parses back", () => {
  const label = labelOf("instance-1");
  expect(parseLabel(label)).toMatchObject({ pid: process.pid, instanceId: "instance-1" });
  expect(shortLabel(label)).toBe(label.slice(0, -"#instance-1".length));
});

test("labels of other makers are left as they are", () => {
  expect(parseLabel("worker-7")).toBeNull();
  expect(shortLabel("worker-7")).toBe("worker-7");
});

test("only a process of this machine that is gone counts as dead", () => {
  const mine = parseLabel(labelOf("i"))!;
  const ended = spawnSync(process.execPath, ["-e", ""]).pid;
  expect(isDead(mine)).toBe(false);
  expect(isDead({ ...mine, pid: ended })).toBe(true);
  expect(isDead({ ...mine, pid: ended, host: "elsewhere" })).toBe(false);
});
