#!/usr/bin/env node
// The `workflow-engine` command. Plain JavaScript that any Node can parse, so that an old one gets told so instead of a syntax
// error; everything else is in src (or dist, in the published package).
import { existsSync } from "node:fs";

const oldest = [22, 18];
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

// `workflow-engine list | head`: a reader that has seen enough is no failure
process.stdout.on("error", (error) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
  process.stderr.write(`workflow-engine needs Node ${oldest.join(".")} or later; this is Node ${process.versions.node}.\n`);
  process.exitCode = 2;
} else {
  const source = new URL("../src/main.ts", import.meta.url);
  const built = new URL("../dist/main.js", import.meta.url);
  const { main } = await import(!existsSync(source) && existsSync(built) ? built.href : source.href);
  const code = await main(process.argv.slice(2));
  // a module of the user's may keep the process alive, with a connection pool for instance
  process.stdout.write("", () => process.exit(code));
}
