// Keeps the house's plan true: who may import whom, what each room may touch, how files are named and how long they get. The
// tables below are the plan, the files in rooms/ only apply it; an arrow that is not in the table is drawn by changing the
// table, with a decision in docs/decisions, never by an exemption.

import path from "node:path";
import { checkHouse } from "./rooms/check-house.ts";
import type { Plan } from "./rooms/plan.ts";

const zod = ["zod"];
const drivers = ["pg", "node:sqlite"];
const sdks = ["openai", "@anthropic-ai/sdk", "@google/genai", "ai", "@ai-sdk/*", "@openrouter/ai-sdk-provider"];
const kernel = ["kernel", "kernel/rules", "kernel/commands", "kernel/execute"];
const plain = ["errors", "models", "define", "ports"];

/**
 * The rooms of packages/workflow-engine/src. A file lives in the room with the longest name its path starts with.
 * sees: rooms it may import (`type x`: by `import type` only). packages: third parties it may import; lazy: those it may
 * load with `import()` only (and import types from). bans: node (no `node:*`, even lazily), io (console, process),
 * async (no async, await, Promise). Every room is without clock, timers and randomness unless it says `isReal`.
 */
export const PLAN: Plan = {
  home: "packages/workflow-engine/src",
  rooms: {
    errors: { sees: [], bans: ["node", "io"] },
    models: { sees: ["errors"], packages: zod, bans: ["node", "io"] },
    define: { sees: ["errors", "models"], packages: zod, bans: ["node", "io"] },
    ports: { sees: ["errors", "models", "define"], bans: ["node", "io"] },

    "kernel/rules": { sees: plain, bans: ["node", "io", "async"] },
    "kernel/execute": { sees: [...plain, "kernel/rules", "store"], packages: zod, bans: ["node", "io"] },
    "kernel/commands": { sees: [...plain, "kernel/rules", "kernel/execute", "store"], packages: zod, bans: ["node", "io"] },
    kernel: { sees: [...plain, ...kernel, "store"], packages: zod, bans: ["node", "io"] },
    "kernel/testing": { sees: [...plain, "memory", "environment"], bans: ["node", "io"] },

    store: { sees: ["errors", "ports"] },
    memory: { sees: ["errors", "ports", "store", "environment"], bans: ["node", "io"] },
    sql: { sees: ["errors", "ports", "store", "sql/drivers", "environment"] },
    "sql/drivers": { sees: ["errors", "ports", "store", "sql"], lazy: drivers, packages: ["node:worker_threads"] },
    blobs: { sees: ["errors", "ports"], lazy: ["node:*"] },
    prisma: { sees: ["errors", "ports", "store", "environment"] },
    ai: { sees: ["errors", "models", "define", "ports", "environment"], packages: zod, lazy: sdks, bans: ["node", "io"] },

    environment: { sees: ["errors", "ports"], isReal: true },
    defaults: { sees: [...plain, "environment", "store", "memory", "sql", "prisma", "ai", ...kernel, "host"], isReal: true },
    host: { sees: ["errors", "define", "ports", "type kernel"], lazy: ["node:*"] },
    runtime: { sees: ["errors", "define", "ports", "kernel", "host", "ai", "sql", "defaults"], lazy: ["node:*"] },
    testing: {
      sees: [...plain, ...kernel, "kernel/testing", "store", "memory", "sql", "prisma", "ai", "defaults", "environment", "host", "runtime"],
      packages: zod,
      lazy: ["node:*", ...drivers, ...sdks],
    },

    index: { sees: [...plain, ...kernel, "blobs", "store", "memory", "sql", "prisma", "ai", "defaults", "environment", "host", "runtime"] },
    "kernel-entry": { sees: [...plain, ...kernel, "store", "defaults", "environment"] },
    client: { sees: [...plain, "environment"], bans: ["node", "io"] },
    persistence: { sees: ["errors", "ports", "store", "sql", "prisma", "defaults", "environment"] },
  },
  bannedWords: "utils helpers common shared misc core base manager service impl data info".split(" "),
  workspaces: ["packages/*", "apps/*", "examples/*", "bench", "e2e"],
  alsoShaped: ["tools"],
  maxFileLines: 260,
  maxFunctionLines: 50,
};

if (import.meta.main) {
  const root = path.resolve(import.meta.dirname, "..");
  const { files, problems } = checkHouse(root, PLAN);
  for (const problem of problems) console.log(problem);
  console.log(`rooms: ${files} files, ${problems.length} problems`);
  // A check that saw nothing has shown nothing.
  process.exitCode = problems.length > 0 || files === 0 ? 1 : 0;
}
