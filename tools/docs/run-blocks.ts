// Runs the blocks that can run, each in a process of its own with an empty working folder and a time limit, so that what a page
// shows has been seen to work.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Block } from "./markdown.ts";
import { moduleOf } from "./type-check.ts";

const OUTPUT_LINES = 15;

/** A block that is run: with arguments of Node's own before it, and until it throws what it shows. */
export interface RunnableBlock extends Block {
  nodeArguments?: readonly string[];
  env?: Readonly<Record<string, string>>;
  throws?: RegExp | null;
}

/** Runs the blocks, a few at a time; returns how many ran and a line for each that failed. */
export async function runBlocks(
  blocks: readonly RunnableBlock[],
  folder: string,
  limitMs: number,
): Promise<{ run: number; problems: string[] }> {
  const queue = blocks.flatMap((block, index) => (block.runs ? [{ block, file: path.join(folder, moduleOf(index)) }] : []));
  const run = queue.length;
  const problems: string[] = [];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const problem = await runOne(next.file, next.block, limitMs);
      if (problem !== null) problems.push(`${next.block.page}:${next.block.line}: ${problem}`);
    }
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, work));
  return { run, problems: problems.sort() };
}

async function runOne(file: string, { nodeArguments = [], env, throws }: RunnableBlock, limitMs: number): Promise<string | null> {
  const cwd = mkdtempSync(path.join(os.tmpdir(), "docs-run-"));
  try {
    return await new Promise((resolve) => {
      const child = spawn(process.execPath, [...nodeArguments, file], {
        env: { ...process.env, ...env },
        cwd,
        stdio: ["ignore", "pipe", "pipe"],
        timeout: limitMs,
        killSignal: "SIGKILL",
      });
      let output = "";
      const keep = (chunk: Buffer): void => {
        output = (output + chunk.toString()).slice(-20_000);
      };
      child.stdout.on("data", keep);
      child.stderr.on("data", keep);
      child.on("error", (error) => resolve(error.message));
      child.on("close", (code, signal) => {
        const how = signal === null ? `exited with ${code}` : `was still running after ${limitMs / 1000} s`;
        const isAsShown = throws ? code !== 0 && throws.test(output) : code === 0;
        resolve(isAsShown ? null : `${how}\n${output.trimEnd().split("\n").slice(-OUTPUT_LINES).join("\n")}`);
      });
    });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}
