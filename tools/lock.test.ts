// The lockfile check on small lockfiles: what npm resolves is found, what it would miss is named.

import { expect, it } from "vitest";
import { missingEntries } from "./lock.ts";

const whole = {
  "": { devDependencies: { tool: "1" } },
  "packages/a": { dependencies: { nested: "1" }, devDependencies: { tool: "1" } },
  "packages/a/node_modules/nested": { dependencies: { tool: "1" } },
  "node_modules/tool": { optionalDependencies: { "@tool/mac": "1" }, devDependencies: { "never-installed": "1" } },
  "node_modules/@tool/mac": {},
};

it("accepts a whole lockfile", () => expect(missingEntries(whole)).toEqual([]));

it("names the optional binary of another platform that was left out", () => {
  const { "node_modules/@tool/mac": _left, ...rest } = whole;
  expect(missingEntries(rest)).toEqual(["@tool/mac, asked for by node_modules/tool"]);
});

it("names a dependency that only another package can see", () => {
  const packages = { ...whole, "packages/b": { dependencies: { nested: "1" } } };
  expect(missingEntries(packages)).toEqual(["nested, asked for by packages/b"]);
});
