// What a browser loads with the client: followed import by import, types left out, it meets no module of Node and no server.
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const engine = fileURLToPath(new URL("../../../workflow-engine/src/client.ts", import.meta.url));

function modulesOf(file: string, seen: Set<string>, packages: Set<string>): void {
  if (seen.has(file)) return;
  seen.add(file);
  for (const [, head, from] of readFileSync(file, "utf8").matchAll(/^(?:import|export)\b([^;"]*?)from "([^"]+)"/gm)) {
    if (/^\s*type\b/.test(head!)) continue;
    if (from!.startsWith(".")) modulesOf(path.resolve(path.dirname(file), from!), seen, packages);
    else if (from === "@bratsos/workflow-engine/client") modulesOf(engine, seen, packages);
    else packages.add(from!);
  }
}

it("loads nothing that a browser has not", () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  modulesOf(fileURLToPath(new URL("./index.ts", import.meta.url)), seen, packages);
  expect([...packages].sort()).toEqual(["eventsource-parser", "zod"]);
  expect(seen.has(engine)).toBe(true);
  const server = fileURLToPath(new URL("../", import.meta.url));
  const ours = [...seen].filter((file) => file.startsWith(server) && !file.startsWith(`${server}client`));
  expect(ours).toEqual([]);
});
