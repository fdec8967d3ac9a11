// Every rule of the rooms check, shown failing: a small house in a temporary folder is clean, and each case breaks one rule in
// it and must be told so in exactly one line.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkHouse } from "./rooms/check-house.ts";
import { PLAN } from "./rooms.ts";

type Files = Record<string, string>;

const SRC = PLAN.home;
const engine = { name: "engine", exports: { ".": "./src/index.ts", "./client": "./src/client.ts" } };
const CLEAN: Files = {
  "packages/workflow-engine/package.json": JSON.stringify(engine),
  "examples/first/package.json": JSON.stringify({ name: "first" }),
  "examples/first/src/main.ts": 'import "engine";\nimport "engine/client";\nimport "../package.json";\nconsole.log(Date.now());\n',
  [`${SRC}/errors.ts`]: "export const one = 1;\n",
  [`${SRC}/define/stage.ts`]: 'import { z } from "zod";\nimport { one } from "../errors.ts";\nexport const stage = z.literal(one);\n',
  [`${SRC}/ports/clock.ts`]: "export interface Clock { now(): Date; setTimeout(run: () => void): ReturnType<typeof setTimeout> }\n",
  [`${SRC}/kernel/rules/settle.ts`]: 'import type { Clock } from "../../ports/clock.ts";\nexport type Rule = (clock: Clock) => void;\n',
  [`${SRC}/kernel/index.ts`]: 'export type { Rule } from "./rules/settle.ts";\n',
  [`${SRC}/kernel/index.test.ts`]: 'import "./index.ts";\nimport "../memory/store.ts";\nimport "vitest";\nsetTimeout(() => {}, 1);\n',
  [`${SRC}/memory/store.ts`]: "export const at = new Date(0);\nexport const sameDay = (x: unknown) => x instanceof Date;\n",
  [`${SRC}/sql/drivers/pg.ts`]: 'import type { Pool } from "pg";\nexport const load = async (): Promise<Pool> => (await import("pg")).x;\n',
  [`${SRC}/host/tick.ts`]: 'import type { Rule } from "../kernel/index.ts";\nexport const tick = async (rule: Rule) => rule;\n',
  [`${SRC}/defaults.ts`]: "export const clock = { now: () => Date.now(), id: () => globalThis.crypto.randomUUID() };\n",
  "tools/x.ts": "export const x = 1;\n",
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "rooms-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function problemsOf(broken: Files): string[] {
  const root = mkdtempSync(path.join(folder, "house-"));
  for (const [name, text] of Object.entries({ ...CLEAN, ...broken })) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return checkHouse(root, PLAN).problems;
}

function cases(rows: Record<string, [file: string, text: string, problem: string]>): void {
  it.each(Object.entries(rows))("%s", (_name, [file, text, problem]) => {
    expect(problemsOf({ [file]: text })).toEqual([problem]);
  });
}

it("finds nothing in a clean house", () => expect(problemsOf({})).toEqual([]));

describe("arrows", () => {
  const settle = `${SRC}/kernel/rules/settle.ts`;
  const tick = `${SRC}/host/tick.ts`;
  cases({
    "a store that reaches into the kernel": [
      `${SRC}/memory/store.ts`,
      'import "../kernel/index.ts";\n',
      `${SRC}/memory/store.ts:1 -> ${SRC}/kernel/index.ts: room memory may not import room kernel`,
    ],
    "a type import": [
      settle,
      '\nimport type { at } from "../../memory/store.ts";\nexport type Rule = typeof at;\n',
      `${settle}:2 -> ${SRC}/memory/store.ts: room kernel/rules may not import room memory`,
    ],
    "an import() type": [
      settle,
      'export type Rule = import("../../memory/store.ts").X;\n',
      `${settle}:1 -> ${SRC}/memory/store.ts: room kernel/rules may not import room memory`,
    ],
    "a re-export": [
      `${SRC}/ports/more.ts`,
      'export * from "../kernel/index.ts";\n',
      `${SRC}/ports/more.ts:1 -> ${SRC}/kernel/index.ts: room ports may not import room kernel`,
    ],
    "a value where only types may pass": [
      tick,
      'import { type Rule } from "../kernel/index.ts";\nexport type T = Rule;\n',
      `${tick}:1 -> ${SRC}/kernel/index.ts: room host may import room kernel with \`import type\` only`,
    ],
    "a file outside the library": [
      tick,
      'import "../../../../tools/x.ts";\n',
      `${tick}:1 -> tools/x.ts: room host may not import outside ${SRC}`,
    ],
    "a file in no room": [
      `${SRC}/attic/box.ts`,
      "export {};\n",
      `${SRC}/attic/box.ts: is in no room; the rooms are listed in tools/rooms.ts`,
    ],
    "a cycle of types": [
      `${SRC}/memory/a.ts`,
      'import type { at } from "./a.ts";\nexport type A = typeof at;\n',
      `cycle: ${SRC}/memory/a.ts -> ${SRC}/memory/a.ts`,
    ],
  });
  it("a cycle through a test", () => {
    const files = { [`${SRC}/memory/b.ts`]: 'import "./b.test.ts";\n', [`${SRC}/memory/b.test.ts`]: 'import "./b.ts";\n' };
    expect(problemsOf(files)).toEqual([`cycle: ${SRC}/memory/b.test.ts -> ${SRC}/memory/b.ts -> ${SRC}/memory/b.test.ts`]);
  });
});

describe("third parties", () => {
  const file = `${SRC}/sql/drivers/pg.ts`;
  cases({
    "a package the room does not know": [
      `${SRC}/memory/store.ts`,
      'import "zod";\n',
      `${SRC}/memory/store.ts:1 -> zod: room memory may not import package zod`,
    ],
    "a driver loaded at once": [
      file,
      'import "pg";\n',
      `${file}:1 -> pg: room sql/drivers may load pg with import() only, where it is used`,
    ],
    "an import() nobody can read": [
      `${SRC}/ai/sdk.ts`,
      "export const load = (name: string) => import(name);\n",
      `${SRC}/ai/sdk.ts:1 -> (computed): room ai may not import package (computed)`,
    ],
  });
});

describe("touches", () => {
  const store = `${SRC}/memory/store.ts`;
  const real = (what: string) => `${store}:1: room memory may not use ${what}; take it from the environment port`;
  cases({
    "Date.now()": [store, "export const now = () => Date.now();\n", real("Date.now")],
    "Date.now handed on": [store, "export const clock = { now: Date.now };\n", real("Date.now")],
    "globalThis.Date.now": [store, "export const now = () => globalThis.Date.now();\n", real("Date.now")],
    "new Date()": [store, "export const now = () => new Date();\n", real("new Date()")],
    "Date()": [store, "export const now = () => Date();\n", real("Date()")],
    setTimeout: [store, "setTimeout(() => {}, 1);\n", real("setTimeout")],
    setInterval: [store, "export const every = setInterval;\n", real("setInterval")],
    setImmediate: [store, "globalThis.setImmediate(() => {});\n", real("setImmediate")],
    "AbortSignal.timeout": [store, "export const signal = AbortSignal.timeout(1);\n", real("AbortSignal.timeout")],
    "Math.random": [store, "export const x = Math.random() as number;\n", real("Math.random")],
    "performance.now": [store, "export const x = performance.now();\n", real("performance")],
    "crypto.randomUUID": [store, "export const x = crypto.randomUUID();\n", real("crypto.randomUUID")],
    console: [store, "console.log(1);\n", `${store}:1: room memory may not use console; it comes in through a port`],
    process: [store, "export const env = process.env;\n", `${store}:1: room memory may not use process; it comes in through a port`],
  });

  it("node: modules, even lazily, where there is no Node", () => {
    expect(problemsOf({ [store]: 'export const fs = () => import("node:fs");\n' })).toContain(
      `${store}:1: room memory may not use node:fs; it runs where there is no Node`,
    );
  });
  it.each(["async () => 1", "(p: Promise<void>) => p", "() => import('../../ports/clock.ts')"])("rules with %s", (body) => {
    const problems = problemsOf({ [`${SRC}/kernel/rules/settle.ts`]: `export const rule = ${body};\n` });
    expect(problems.join("\n")).toMatch(/:1: room kernel\/rules may not use (async|Promise|import\(\)); rules are synchronous/);
  });
});

describe("walls between workspaces", () => {
  const main = "examples/first/src/main.ts";
  cases({
    "a path into a package": [
      main,
      `import "../../../${SRC}/errors.ts";\n`,
      `${main}:1 -> ${SRC}/errors.ts: examples/first may import engine by name only, not by path`,
    ],
    "a name that is not exported": [
      main,
      'import "engine/src/errors.ts";\n',
      `${main}:1 -> engine/src/errors.ts: engine does not export ./src/errors.ts`,
    ],
  });
});

describe("shape", () => {
  const lines = (count: number) => "// line\n".repeat(count);
  const long = (count: number) => `export function walk() {\n${lines(count - 2)}}\n`;
  cases({
    "a banned file name": [
      "tools/lock-utils.ts",
      "export {};\n",
      "tools/lock-utils.ts: the word utils names no subject; if only it fits, the room is wrong",
    ],
    "a banned folder name": [
      "tools/core/x.ts",
      "export {};\n",
      "tools/core/x.ts: the word core names no subject; if only it fits, the room is wrong",
    ],
    "a name that is not kebab-case": ["tools/runStage.ts", "export {};\n", "tools/runStage.ts: runStage.ts is not kebab-case"],
    "a default export": ["tools/x.ts", "export default 1;\n", "tools/x.ts: default export; export it by name"],
    "a default export by name": ["tools/x.ts", "const x = 1;\nexport { x as default };\n", "tools/x.ts: default export; export it by name"],
    "a file of 261 lines": ["tools/x.ts", lines(261), "tools/x.ts: 261 lines, the limit is 260: split it by subject"],
    "a function of 51 lines": ["tools/x.ts", long(51), "tools/x.ts:1: a function of 51 lines, the limit is 50"],
    "a file that is no TypeScript": ["tools/x.ts", "const = 1;\n", "tools/x.ts:1: cannot be parsed: Unexpected token"],
  });
  it("allows 260 lines, 50 lines, a word that only contains a banned one, and long describe() callbacks", () => {
    const section = `describe("x", () => {\n${lines(60)}});\n`;
    expect(problemsOf({ "tools/database.ts": long(50) + lines(210), "tools/y.test.ts": section })).toEqual([]);
  });
});
