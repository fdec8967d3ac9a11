// Options that several commands share, and what they accept.
import { type Command, InvalidArgumentError, Option } from "commander";
import { Database, dbVariable } from "./database.ts";
import { defaultDb } from "./open-store.ts";

/** A command's way of saying which code to exit with. */
export type Settle = (code: number) => void;

/** `--db`, on every command. */
export function dbOption(): Option {
  return new Option("--db <path or URL>", "SQLite file or postgres:// URL of the database that keeps the runs")
    .env(dbVariable)
    .argParser((given) => new Database(given))
    .default(new Database(defaultDb), defaultDb);
}

/** `--json`. */
export function jsonOption(description: string): Option {
  return new Option("--json", description);
}

/** `--concurrency`. */
export function concurrencyOption(): Option {
  return new Option("--concurrency <n>", "stages that execute at the same time (default: 10)").argParser(parseCount);
}

/** `--module`, for runs whose module has moved or is not known. */
export function moduleOption(): Option {
  return new Option("--module <path>", "module of the run's workflow (default: the one it was started from)");
}

/** A whole number of at least 1. */
export function parseCount(given: string): number {
  return parseWhole(given, 1);
}

/** A whole number of at least 0. */
export function parseIndex(given: string): number {
  return parseWhole(given, 0);
}

/** Adds an example to a command's help. */
export function withExample(command: Command, ...lines: string[]): Command {
  return command.addHelpText("after", ["", "Example:", ...lines.map((line) => `  ${line}`)].join("\n"));
}

function parseWhole(given: string, least: number): number {
  if (/^\d+$/.test(given) && Number(given) >= least) return Number(given);
  throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
}
