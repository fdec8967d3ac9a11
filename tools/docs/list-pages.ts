// The pages a check was asked for: files as they are named, and what is a page below folders.
import { readdirSync, statSync } from "node:fs";
import path from "node:path";

/** Files of pages, relative to `cwd`. */
export function listPages(target: string, cwd: string): string[] {
  if (!statSync(path.resolve(cwd, target)).isDirectory()) return [target];
  return readdirSync(path.resolve(cwd, target), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (!entry.isDirectory() && !/\.(md|txt)$/.test(entry.name)) return [];
      return entry.name === "node_modules" ? [] : listPages(path.join(target, entry.name), cwd);
    });
}
