// Options that take JSON, or `@file` for the JSON in a file.
import { readFileSync } from "node:fs";
import { UsageError } from "./usage-error.ts";

/** Reads the value of a JSON option; throws UsageError saying where the text is wrong. */
export function parseJsonOption(option: string, given: string): unknown {
  const source = given.startsWith("@") ? given.slice(1) : null;
  const text = source === null ? given : readSource(option, source);
  try {
    return JSON.parse(text);
  } catch (error) {
    const where = source === null ? "" : ` in ${source}`;
    const hint =
      source === null ? `Quote it for the shell: ${option} '{"name":"value"}', or read a file: ${option} @input.json` : undefined;
    throw new UsageError(`${option} is not valid JSON${where}: ${(error as Error).message}`, hint);
  }
}

/** Reads a JSON option that must be an object. */
export function parseObjectOption(option: string, given: string): Record<string, unknown> {
  const value = parseJsonOption(option, given);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError(`${option} must be a JSON object, e.g. ${option} '{"stage-id":{"option":1}}'`);
}

function readSource(option: string, source: string): string {
  try {
    return readFileSync(source, "utf8");
  } catch (error) {
    throw new UsageError(`${option}: cannot read ${source}: ${(error as Error).message}`);
  }
}
