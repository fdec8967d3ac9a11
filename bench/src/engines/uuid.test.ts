// Ids that sort by their age: what keeps a queue ordered by id in the order of its starts.
import { expect, it } from "vitest";
import { createUuid } from "./uuid.ts";

it("makes ids of version 7, each greater than the one before, more of them than a millisecond's counter holds", () => {
  const ids = Array.from({ length: 20_000 }, createUuid);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});
