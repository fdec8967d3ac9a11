// How files are named and how long they get, in every workspace. A name on the banned list says that the room is wrong; a file
// or function over its limit wants splitting. There is no list of exempt files: it would hold exactly those that need the rule.

import type { Plan } from "./plan.ts";
import type { SourceFile } from "./source-file.ts";

const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;

/** Checks one file's name, size, functions and exports. */
export function checkShape(file: SourceFile, plan: Plan): string[] {
  const problems: string[] = [];
  const report = (problem: string, line?: number): void => {
    problems.push(`${file.path}${line === undefined ? "" : `:${line}`}: ${problem}`);
  };
  for (const name of file.path.split("/")) {
    if (!KEBAB.test(name)) report(`${name} is not kebab-case`);
    const banned = name.split(/[-.]/).find((word) => plan.bannedWords.includes(word));
    if (banned !== undefined) report(`the word ${banned} names no subject; if only it fits, the room is wrong`);
  }
  if (file.lines > plan.maxFileLines) report(`${file.lines} lines, the limit is ${plan.maxFileLines}: split it by subject`);
  for (const { line, length } of file.functions) {
    if (length > plan.maxFunctionLines) report(`a function of ${length} lines, the limit is ${plan.maxFunctionLines}`, line);
  }
  // A tool's configuration file exports what the tool asks for.
  if (file.hasDefaultExport && !/\.config\.m?[jt]s$/.test(file.path)) report("default export; export it by name");
  return problems;
}
