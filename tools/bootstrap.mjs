// The one way into every task: `node tools/bootstrap.mjs <task> [args]`. It exists because the repository needs Node 24 and a
// fresh clone may only have Node 20: it installs what package-lock.json asks for, the `node` package among it, and hands the
// task to that Node. Plain JavaScript that Node 20 can read, without dependencies, since it runs before anything is installed.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const MODULES = path.join(ROOT, "node_modules");
const isWindows = process.platform === "win32";

/** What each task runs on the workspace's Node, from the root; further arguments are appended. */
const TASKS = {
  start: { run: ["examples/document-processor/src/main.ts"], env: {} },
  test: { run: ["node_modules/vitest/vitest.mjs", "run"], env: { PROOF: "reduced" } },
  prove: { run: ["tools/prove.ts"], env: {} },
  bench: { run: ["bench/src/main.ts"], env: {} },
  soak: { run: ["e2e/src/soak/main.ts"], env: {} },
  check: { run: ["tools/check.ts"], env: {} },
  packages: { run: ["tools/pack.ts"], env: {} },
};

/** Lists the locked packages that are not installed as locked; reads npm's own record, so a plain `npm install` counts too. */
function missingPackages(locked, installed) {
  return Object.keys(locked).filter((key) => {
    if (key === "") return false;
    const here = installed[key];
    if (here === undefined) return locked[key].optional !== true;
    return here.version !== locked[key].version || here.integrity !== locked[key].integrity;
  });
}

function readPackages(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).packages : {};
}

function workspaceNode() {
  return path.join(MODULES, "node", "bin", isWindows ? "node.exe" : "node");
}

function whyInstall() {
  if (!existsSync(MODULES)) return "node_modules is missing";
  if (!existsSync(workspaceNode())) return "the workspace's Node is missing";
  const missing = missingPackages(
    readPackages(path.join(ROOT, "package-lock.json")),
    readPackages(path.join(MODULES, ".package-lock.json")),
  );
  return missing.length === 0 ? null : `${missing.length} packages differ from package-lock.json (${missing[0]})`;
}

function withPath(env, change) {
  const key = Object.keys(env).find((name) => name.toUpperCase() === "PATH") || "PATH";
  const folders = (env[key] || "").split(path.delimiter);
  return { ...env, [key]: change(folders).join(path.delimiter) };
}

function install(reason) {
  console.error(`bootstrap: ${reason}; running npm ci (once, about a minute)`);
  const bin = path.join(MODULES, ".bin");
  // npm must not run on the Node it is about to delete, so our own .bin leaves the PATH first.
  const env = withPath(process.env, (folders) => folders.filter((folder) => path.resolve(folder) !== bin));
  const done = spawnSync("npm", ["ci"], { cwd: ROOT, env, encoding: "utf8", shell: isWindows, maxBuffer: 1 << 28 });
  if (done.status === 0 && existsSync(workspaceNode())) return;
  console.error(`${done.stdout || ""}${done.stderr || ""}${done.error ? `${done.error.message}\n` : ""}`);
  console.error(
    done.status === 0
      ? "bootstrap: npm ci left out the `node` package's binary: its install script did not run. Allow install scripts (ignore-scripts=false) and try again."
      : "bootstrap: npm ci failed (its output is above). Check that the package registry can be reached and that package-lock.json fits every package.json (`npm install` mends it), then try again.",
  );
  process.exit(1);
}

function run(task, args) {
  const node = workspaceNode();
  const env = withPath({ ...process.env, ...task.env, NODE: node, npm_node_execpath: node }, (folders) => [
    path.join(MODULES, ".bin"),
    ...folders,
  ]);
  const child = spawn(node, [...task.run, ...args], { cwd: ROOT, env, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // A terminal sends Ctrl-C to the whole process group: the child has it already, and a second one would read as "now!".
    process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  child.on("error", (error) => {
    console.error(`bootstrap: could not start ${node}: ${error.message}. Remove node_modules and try again.`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(signal ? 128 + os.constants.signals[signal] : code));
}

function main([name, ...args]) {
  const task = Object.hasOwn(TASKS, name || "") ? TASKS[name] : undefined;
  if (task === undefined) {
    console.error(`usage: node tools/bootstrap.mjs <${Object.keys(TASKS).join("|")}> [args]`);
    process.exit(2);
  }
  const reason = whyInstall();
  if (reason !== null) install(reason);
  run(task, args);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
