// Compiles the blocks of every page in one run of tsc. Each block is a module of its own in a folder inside the repository, so
// that `import "@bratsos/workflow-engine"` finds what the reader of the page would install.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Block } from "./markdown.ts";

/** One message of the compiler, at a line of a block's module. */
export interface Message {
  file: string;
  line: number;
  text: string;
}

/** Names the module of a block; the same for compiling and running it. */
export function moduleOf(index: number): string {
  return `block-${index}.ts`;
}

/** Writes every block's module into a folder, with a tsconfig beside them. */
export function writeModules(blocks: readonly Block[], root: string, folder: string): void {
  // `export {}` makes a module of a block without imports; on the last line, it shifts no line number.
  blocks.forEach((block, index) => {
    writeFileSync(path.join(folder, moduleOf(index)), `${block.before}${block.text}\nexport {};\n`);
  });
  const config = {
    extends: path.join(root, "tsconfig.base.json"),
    compilerOptions: { noEmit: true, noUnusedLocals: false, noUnusedParameters: false },
    files: blocks.map((_block, index) => `./${moduleOf(index)}`),
  };
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(config));
}

/** Type-checks the written modules; returns a line for each failure, placed where the block stands in its page. */
export function typeCheck(blocks: readonly Block[], root: string, folder: string): string[] {
  return placeMessages(blocks, runCompiler(root, folder));
}

/** Runs tsc in a folder with a tsconfig; a message without a file means that nothing was compiled, and why. */
export function runCompiler(root: string, folder: string): Message[] {
  const tsc = path.join(root, "node_modules/typescript/bin/tsc");
  const done = spawnSync(process.execPath, [tsc, "--pretty", "false", "-p", folder], { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 });
  const messages = parseMessages(done.stdout);
  // Errors of the packages' own sources belong to the types check; an error without a file means that nothing was compiled.
  const didNotRun = done.status === null || (done.status !== 0 && messages.length === 0) || /^error TS/m.test(done.stdout);
  return didNotRun ? [{ file: "", line: 0, text: `${done.error?.message ?? ""}${done.stdout}${done.stderr}`.trim() }] : messages;
}

/** A line for each message, placed where the block stands in its page; and one for each block that compiles and should not. */
export function placeMessages(blocks: readonly Block[], messages: readonly Message[]): string[] {
  const failed = messages.find(({ file }) => file === "");
  if (failed) return [`docs: tsc did not run: ${failed.text}`];
  return blocks.flatMap((block, index) => {
    const first = block.before.split("\n").length;
    const own = messages.filter((message) => message.file === moduleOf(index) && message.line >= first);
    if (!block.compiles) return own.length > 0 ? [] : [`${block.page}:${block.line}: compiles, but is marked as a block that fails`];
    return own.map((message) => `${block.page}:${block.line + message.line - first}: ${message.text}`);
  });
}

function parseMessages(output: string): Message[] {
  const messages: Message[] = [];
  for (const row of output.split(/\r?\n/)) {
    const match = /^(.*)\((\d+),\d+\): error (TS\d+: .*)$/.exec(row);
    const last = messages.at(-1);
    if (match !== null) messages.push({ file: match[1] as string, line: Number(match[2]), text: match[3] as string });
    else if (last !== undefined && row.startsWith(" ")) last.text += `\n${row}`;
  }
  return messages;
}
