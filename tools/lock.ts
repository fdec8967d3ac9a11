// Tells, before a fresh clone does, whether `npm ci` will accept package-lock.json: every dependency a locked package asks for,
// optional ones of other platforms included, must have an entry. `npm install` leaves out what the registry does not offer
// at that moment and says nothing; `npm ci` then refuses the whole lockfile.

import { readFileSync } from "node:fs";
import path from "node:path";

/** One entry of a lockfile, as far as it matters here. */
export interface LockedPackage {
  version?: string;
  link?: boolean;
  resolved?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** Lists the dependencies that no entry answers, as `name, asked for by path`. */
export function missingEntries(packages: Readonly<Record<string, LockedPackage>>): string[] {
  return Object.entries(packages).flatMap(([folder, entry]) => {
    // npm installs the devDependencies of the root and its workspaces only.
    const isOurs = !folder.includes("node_modules/");
    const asked = { ...entry.dependencies, ...entry.optionalDependencies, ...(isOurs ? entry.devDependencies : {}) };
    return Object.keys(asked)
      .filter((name) => !placesFor(name, folder).some((place) => place in packages))
      .map((name) => `${name}, asked for by ${folder === "" ? "the root" : folder}`);
  });
}

/** Where npm may have put a dependency: below the package that asks, or below any folder above it. */
function placesFor(name: string, folder: string): string[] {
  const parts = folder === "" ? [] : folder.split("/");
  const parents = Array.from({ length: parts.length + 1 }, (_part, count) => parts.slice(0, parts.length - count));
  return parents.filter((parent) => parent.at(-1) !== "node_modules").map((parent) => [...parent, "node_modules", name].join("/"));
}

if (import.meta.main) {
  const file = path.resolve(import.meta.dirname, "../package-lock.json");
  const { packages } = JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, LockedPackage> };
  const missing = missingEntries(packages);
  for (const one of missing) console.log(`package-lock.json has no entry for ${one}: choose a release whose dependencies all exist`);
  console.log(`lock: ${Object.keys(packages).length} entries, ${missing.length} missing`);
  process.exitCode = missing.length > 0 ? 1 : 0;
}
