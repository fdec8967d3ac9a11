// JSON Lines as providers send their results: one line that is broken takes no other with it.
import type { BatchLogger } from "./batch-provider.ts";

/** Reads every line that is a JSON object; what is not is told and left out. */
export function readJsonLines(text: string, source: string, logger: BatchLogger | undefined): Array<Record<string, unknown>> {
  const values: Array<Record<string, unknown>> = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value !== "object" || value === null) throw new Error("no object");
      values.push(value as Record<string, unknown>);
    } catch {
      logger?.log("WARN", `Line ${at + 1} of ${source} is no JSON object and is left out: ${line.slice(0, 80)}`);
    }
  }
  return values;
}
