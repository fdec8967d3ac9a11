// Installs releases of packages that the repository does not have, for the tests of older ones: in a temporary folder, with npm.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "..");

/** How to install. */
export interface InstallOptions {
  /** False leaves out the packages' own install scripts; true unless given. */
  hasScripts?: boolean;
}

/** Installs packages by exact version, under the workspace's overrides; answers the folder, which the caller removes. */
export function installApart(dependencies: Record<string, string>, { hasScripts = true }: InstallOptions = {}): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "installed-apart-"));
  const { overrides } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { overrides: unknown };
  const allowScripts = Object.fromEntries(Object.keys(dependencies).map((name) => [name, hasScripts]));
  writeFileSync(
    path.join(folder, "package.json"),
    JSON.stringify({ private: true, type: "module", dependencies, overrides, allowScripts }),
  );
  const command = ["install", "--no-audit", "--no-fund", ...(hasScripts ? [] : ["--ignore-scripts"])];
  const done = spawnSync("npm", command, { cwd: folder, encoding: "utf8" });
  if (done.status === 0) return folder;
  rmSync(folder, { recursive: true, force: true });
  throw new Error(
    `npm install of ${Object.keys(dependencies).join(", ")} failed:\n${done.stdout}${done.stderr}${done.error?.message ?? ""}`,
  );
}
