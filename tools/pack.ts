// `npm run packages [-- folder]`: what is published. Node strips no types below node_modules, so each package is compiled to JavaScript
// with its declarations, its `exports` point at that, and npm packs it: decision 0001 says why sources run as they are until then.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "..");

/** A package.json, as far as packing looks into it. */
interface Manifest {
  name: string;
  version: string;
  exports?: Record<string, string>;
  devDependencies?: unknown;
  [field: string]: unknown;
}

/** Folders of the packages that people install. */
export function listPackages(): string[] {
  return readdirSync(path.join(ROOT, "packages"))
    .map((name) => path.join(ROOT, "packages", name))
    .filter((folder) => existsSync(path.join(folder, "package.json")));
}

/** What an export of a source becomes in the packed package. */
export function packedExport(source: string): { types: string; default: string } {
  const built = source.replace(/^\.\/src\//, "./dist/").replace(/\.ts$/, "");
  return { types: `${built}.d.ts`, default: `${built}.js` };
}

/** The package.json of a packed package. */
export function packedManifest({ devDependencies: _, ...manifest }: Manifest): Manifest {
  const exports = Object.entries(manifest.exports ?? {}).map(([entry, source]) => [entry, packedExport(source)]);
  return { ...manifest, exports: Object.fromEntries(exports) };
}

/** Compiles a package and packs it into `destination`; answers the path of the tarball, throws with the compiler's or npm's words. */
export function pack(folder: string, destination: string): string {
  const work = mkdtempSync(path.join(os.tmpdir(), "pack-"));
  try {
    compile(folder, path.join(work, "dist"));
    for (const name of ["README.md", "LICENSE", "prisma"]) {
      if (existsSync(path.join(folder, name))) cpSync(path.join(folder, name), path.join(work, name), { recursive: true });
    }
    for (const name of ["README.md", "LICENSE", "CHANGELOG.md"]) {
      if (!existsSync(path.join(work, name)) && existsSync(path.join(ROOT, name))) cpSync(path.join(ROOT, name), path.join(work, name));
    }
    const manifest = packedManifest(JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as Manifest);
    writeFileSync(path.join(work, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    mkdirSync(destination, { recursive: true });
    const told = run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", destination], work);
    return path.join(destination, told.trim().split("\n").at(-1) ?? "");
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function compile(folder: string, outDir: string): void {
  // beside the sources, so that the compiler finds the types of their dependencies
  const project = path.join(folder, `tsconfig.pack-${process.pid}.json`);
  const options = {
    extends: path.join(ROOT, "tsconfig.base.json"),
    compilerOptions: { rootDir: "src", outDir, declaration: true, noEmit: false },
    include: ["src"],
    exclude: ["src/**/*.test.ts", "src/**/*.test-*.ts"],
  };
  writeFileSync(project, JSON.stringify(options));
  try {
    run(process.execPath, [path.join(ROOT, "node_modules/typescript/bin/tsc"), "-p", project], folder);
  } finally {
    rmSync(project, { force: true });
  }
}

function run(command: string, args: readonly string[], cwd: string): string {
  const done = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (done.status === 0) return done.stdout;
  throw new Error(`${command} ${args.join(" ")} failed: ${done.error?.message ?? ""}${done.stdout ?? ""}${done.stderr ?? ""}`);
}

if (import.meta.main) {
  const destination = path.resolve(process.argv[2] ?? path.join(ROOT, "dist"));
  for (const folder of listPackages()) console.log(path.relative(process.cwd(), pack(folder, destination)));
}
