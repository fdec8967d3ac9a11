// The bootstrap in a small copy of the repository, with an `npm` of its own on PATH: when it installs and when not, what it
// says when that fails, and that arguments, environment, exit codes and signals reach the task and come back.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const LOCKED = { "": {}, "node_modules/a": { version: "1.0.0" }, "node_modules/mac-only": { version: "1.0.0", optional: true } };
const INSTALLED = { "node_modules/a": { version: "1.0.0" } };

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), "bootstrap-"));
  mkdirSync(path.join(root, "tools"));
  cpSync(path.join(import.meta.dirname, "bootstrap.mjs"), path.join(root, "tools/bootstrap.mjs"));
  write("package-lock.json", JSON.stringify({ packages: LOCKED }));
  write("examples/document-processor/src/main.ts", "console.log(JSON.stringify(process.argv.slice(2)));");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(file: string, text: string, mode = 0o644): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text, { mode });
}

function installed(packages: object = INSTALLED): void {
  write("node_modules/.package-lock.json", JSON.stringify({ packages }));
  mkdirSync(path.join(root, "node_modules/node/bin"), { recursive: true });
  symlinkSync(process.execPath, path.join(root, "node_modules/node/bin/node"));
}

/** Puts an `npm` on PATH that notes it was called, prints something and exits. */
function fakeNpm(body: string): void {
  write("bin/npm", `#!/bin/sh\necho "$@" >> "${root}/called"\n${body}\n`, 0o755);
}

function start(...args: string[]): ChildProcess {
  const env = { ...process.env, PATH: `${root}/bin${path.delimiter}${process.env["PATH"]}` };
  return spawn(process.execPath, ["tools/bootstrap.mjs", ...args], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
}

async function run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = start(...args);
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk) => (out += chunk));
  child.stderr?.on("data", (chunk) => (err += chunk));
  const [code] = await once(child, "close");
  return { code, out, err };
}

describe("installing", () => {
  const COMPLETE = `mkdir -p node_modules/node/bin && ln -sf ${process.execPath} node_modules/node/bin/node && echo noise`;

  it("runs the task at once when everything locked is installed, optional packages aside", async () => {
    installed();
    fakeNpm("exit 1");
    expect(await run("start", "a", "--b", "c d")).toEqual({ code: 0, out: '["a","--b","c d"]\n', err: "" });
    expect(existsSync(path.join(root, "called"))).toBe(false);
  });
  it("runs npm ci first in a fresh clone, in one line", async () => {
    fakeNpm(COMPLETE);
    const { code, out, err } = await run("start");
    expect({ code, out }).toEqual({ code: 0, out: "[]\n" });
    expect(err).toBe("bootstrap: node_modules is missing; running npm ci (once, about a minute)\n");
    expect(readFileSync(path.join(root, "called"), "utf8")).toBe("ci\n");
  });
  it.each([
    ["a package is missing", {}],
    ["a package has another version", { "node_modules/a": { version: "0.9.0" } }],
  ])("runs npm ci when %s", async (_name, packages) => {
    installed(packages);
    fakeNpm(COMPLETE);
    const { err } = await run("start");
    expect(err).toContain("1 packages differ from package-lock.json (node_modules/a); running npm ci");
  });
  it("prints what npm said and what to do when npm ci fails", async () => {
    fakeNpm("echo out; echo registry is down >&2; exit 7");
    const { code, err } = await run("start");
    expect(code).toBe(1);
    expect(err).toContain("registry is down");
    expect(err).toContain("npm ci failed (its output is above). Check that the package registry can be reached");
  });
  it("says so when the install left out the Node it needs", async () => {
    fakeNpm("exit 0");
    const { code, err } = await run("start");
    expect(code).toBe(1);
    expect(err).toContain("Allow install scripts");
  });
});

describe("running", () => {
  const MAIN = "examples/document-processor/src/main.ts";
  beforeEach(() => installed());

  it("passes the exit code on", async () => {
    write(MAIN, "process.exit(3);");
    expect((await run("start")).code).toBe(3);
  });
  it("puts the workspace's Node first on PATH", async () => {
    write(MAIN, "console.log(process.env.PATH.split(':')[0]);");
    expect((await run("start")).out).toMatch(/node_modules\/\.bin\n$/);
  });
  it.each(["SIGINT", "SIGTERM"] as const)("forwards %s and outlives the task", async (signal) => {
    write(MAIN, `process.on("${signal}", () => setTimeout(() => process.exit(9), 50)); setInterval(() => {}, 1000); console.log("up");`);
    const child = start("start");
    await once(child.stdout!, "data");
    child.kill(signal);
    const [code] = await once(child, "exit");
    expect(code).toBe(9);
  });
  it("exits as a shell does when a signal ends the task", async () => {
    write(MAIN, 'process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000);');
    expect((await run("start")).code).toBe(137);
  });
  it.each([["nonsense"], ["toString"], []])("refuses a task it does not know: %s", async (...args) => {
    const { code, err } = await run(...args.filter((arg) => arg !== undefined));
    expect({ code, err }).toEqual({
      code: 2,
      err: "usage: node tools/bootstrap.mjs <start|test|prove|bench|soak|check|packages> [args]\n",
    });
  });
});
