// Durations, money, sizes, instants and tables as people read them. Pure: the clock comes in as an argument.
import { stripVTControlCharacters } from "node:util";

const units: ReadonlyArray<readonly [name: string, ms: number]> = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** `840ms`, `3.4s`, `2m 05s`, `3h 12m`; an em dash for null. */
export function formatDuration(ms: number | null): string {
  if (ms === null) return "—";
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, "0")}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
  return `${Math.floor(minutes / 1_440)}d ${Math.floor((minutes % 1_440) / 60)}h`;
}

/** `12s ago`, `3h ago`. */
export function formatAge(at: Date, now: number): string {
  const ms = now - at.getTime();
  const [name, size] = units.find(([, unit]) => ms >= unit) ?? ["s", 1_000];
  return ms < 1_000 ? "now" : `${Math.floor(ms / size)}${name} ago`;
}

/** The local time of day, `14:03:09`. */
export function formatTime(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** Dollars with enough digits to tell: `$1.20`, `$0.0042`, `$0.0000031`. */
export function formatCost(usd: number): string {
  if (usd === 0 || usd >= 1) return `$${usd.toFixed(2)}`;
  const leadingZeros = Math.max(0, -Math.floor(Math.log10(usd)) - 1);
  return `$${usd.toFixed(Math.min(12, leadingZeros + 2))}`;
}

/** `312 B`, `4.2 KiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  return bytes < 1_048_576 ? `${(bytes / 1_024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

/** Cuts plain text to `width` columns, the last one an ellipsis, and keeps it on one line. */
export function cut(text: string, width: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}

/** Columns a text takes on a terminal, colours not counted. */
export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** Pads coloured text to `width` columns. */
export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** Rows under a head, each column as wide as its widest cell. */
export function formatTable(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ""))));
  return all.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** How much of a value to print. */
export interface ValueLimits {
  /** Characters of one string inside the value. */
  text: number;
  lines: number;
}

/** A value as indented JSON, a bare string as it is; what is over the limits is cut and says so. */
export function formatValue(value: unknown, limits: ValueLimits = { text: 300, lines: 60 }): string[] {
  const shorten = (_: string, part: unknown): unknown =>
    typeof part === "string" && part.length > limits.text ? `${part.slice(0, limits.text)}… (${part.length} characters)` : part;
  const text = typeof value === "string" ? value : (JSON.stringify(value, shorten, 2) ?? "undefined");
  const lines = text.split("\n");
  if (lines.length <= limits.lines) return lines;
  return [...lines.slice(0, limits.lines), `… ${lines.length - limits.lines} more lines`];
}
