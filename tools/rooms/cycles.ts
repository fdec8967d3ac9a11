// No two files may need each other, types included: a cycle means the subject was cut in the wrong place. Tests count too.

import { targetOf } from "./arrows.ts";
import type { SourceFile } from "./source-file.ts";

/** Finds the import cycles among the files, one for each arrow that closes one, as `a -> b -> a`. */
export function findCycles(files: readonly SourceFile[]): string[] {
  const arrows = new Map(files.map((file) => [file.path, targetsOf(file)]));
  const done = new Set<string>();
  const trail: string[] = [];
  const cycles: string[] = [];
  const walk = (path: string): void => {
    if (done.has(path)) return;
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) {
      cycles.push(`cycle: ${[...trail.slice(seenAt), path].join(" -> ")}`);
      return;
    }
    trail.push(path);
    for (const target of arrows.get(path) ?? []) walk(target);
    trail.pop();
    done.add(path);
  };
  for (const path of arrows.keys()) walk(path);
  return cycles;
}

function targetsOf(file: SourceFile): Set<string> {
  return new Set(file.imports.flatMap(({ specifier }) => targetOf(file.path, specifier) ?? []));
}
