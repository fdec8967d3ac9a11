// Which version of a package is installed: what a result without its version is worth is nothing.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Reads a package's version from the package.json above its entry; throws when there is none. */
export function installedVersion(packageName: string): string {
  let folder = path.dirname(fileURLToPath(import.meta.resolve(packageName)));
  for (; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const file = path.join(folder, "package.json");
    if (!existsSync(file)) continue;
    const manifest = JSON.parse(readFileSync(file, "utf8")) as { name?: string; version?: string };
    if (manifest.name === packageName && manifest.version !== undefined) return manifest.version;
  }
  throw new Error(`No package.json of ${packageName} above its entry`);
}
