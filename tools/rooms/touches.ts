// What a room's code may touch: the clock, timers and randomness come through the environment port everywhere, so that all of
// it runs in simulated time; some rooms also know no console, no process, no Node; the rules know nothing asynchronous.

import path from "node:path";
import { type Ban, isTest, type Plan, roomOf } from "./plan.ts";
import type { Finding, SourceFile } from "./source-file.ts";

const REAL =
  /^(Date\(\)|new Date\(\)|Date\.now|Temporal\.Now|performance|Math\.random|set(Timeout|Interval|Immediate)|AbortSignal\.timeout|process\.hrtime|(crypto\.)?(randomUUID|randomBytes|randomInt|getRandomValues))$/;
const REAL_MODULES = /^(node:)?(timers(\/promises)?|perf_hooks)$/;
const IO = /^(console|process)$/;

/** Checks what one file of the library touches against its room; tests may touch anything. */
export function checkTouches(file: SourceFile, plan: Plan): string[] {
  const name = roomOf(path.posix.relative(plan.home, file.path), plan.rooms);
  const room = name === null ? undefined : plan.rooms[name];
  if (room === undefined || isTest(file.path)) return [];
  const problems: string[] = [];
  const report = (findings: readonly Finding[], advice: string): void => {
    for (const { what, line } of findings) problems.push(`${file.path}:${line}: room ${name} may not use ${what}; ${advice}`);
  };
  const modules = (test: (specifier: string) => boolean): Finding[] =>
    file.imports.filter(({ specifier }) => test(specifier)).map(({ specifier, line }) => ({ what: specifier, line }));
  const banned = new Set<Ban>(room.bans);
  if (room.isReal !== true) {
    report(matching(file.globals, REAL), "take it from the environment port");
    report(
      modules((specifier) => REAL_MODULES.test(specifier)),
      "take it from the environment port",
    );
  }
  if (banned.has("io")) report(matching(file.globals, IO), "it comes in through a port");
  if (banned.has("node"))
    report(
      modules((specifier) => specifier.startsWith("node:")),
      "it runs where there is no Node",
    );
  if (banned.has("async")) report(file.async, "rules are synchronous");
  return problems;
}

function matching(findings: readonly Finding[], pattern: RegExp): Finding[] {
  return findings.filter(({ what }) => pattern.test(what));
}
