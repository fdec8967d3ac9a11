// Whatever is wrong with the call: one clear line on stderr, what to do about it, exit code 2, and no stack trace.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CliFolder, fixturePath } from "./fixture/cli-process.ts";

let folder: CliFolder;
beforeAll(async () => {
  folder = new CliFolder();
  writeFileSync(join(folder.path, "broken.ts"), "export const x = ;\n");
  writeFileSync(join(folder.path, "broken.json"), '{\n  "journal": oops\n}\n');
  await folder.run("migrate");
});
afterAll(() => folder.remove());

const press = fixturePath("press");
const two = fixturePath("two-workflows");

test.for<[what: string, args: string[], message: RegExp]>([
  ["a module that is not there", ["run", "./nowhere.ts"], /error: Module not found: .*nowhere\.ts\nPass the path of a file/],
  ["a folder", ["run", "."], /is a folder\nPass the file in it/],
  ["a module that does not parse", ["run", "./broken.ts"], /Cannot load .*broken\.ts: /],
  ["a module without workflows", ["run", fixturePath("no-workflow")], /exports no workflow\nExport one: /],
  ["several workflows and none named", ["run", two], /has 2 workflows\nName one of them after the module: morning, evening/],
  ["a workflow that the module does not have", ["run", two, "noon"], /has no workflow "noon"\nIt has: morning, evening/],
  ["no input", ["run", press], /Workflow "press" needs --input\nIt takes JSON of this shape:[\s\S]*"journal": \{\n {6}"type": "string"/],
  ["JSON that is none", ["run", press, "--input", '{"journal": oops}'], /--input is not valid JSON: .*oops[\s\S]*Quote it for the shell/],
  ["a file of JSON that is none", ["run", press, "--input", "@broken.json"], /--input is not valid JSON in broken\.json: .*oops/],
  ["a file that is not there", ["run", press, "--input", "@missing.json"], /--input: cannot read missing\.json/],
  ["input that does not fit", ["run", press, "--input", '{"journal":7}'], /Invalid workflow input: .*journal/],
  ["config that is no object", ["run", press, "--input", '{"journal":"j"}', "--config", "3"], /--config must be a JSON object/],
  ["a run id that is not there", ["show", "nobody"], /No run nobody in .*\nSee which there are: workflow-engine list/],
  ["a run id to resume that is not there", ["resume", "nobody"], /No run nobody/],
  ["a database that is not there", ["list", "--db", "missing.db"], /No database at missing\.db\nRun something first/],
  ["a number that is none", ["list", "--limit", "many"], /--limit <n>.*It must be a whole number of at least 1/],
  ["a status that is none", ["list", "--status", "sleeping"], /It must be one of PENDING, RUNNING/],
  ["a command that is none", ["rnu"], /unknown command 'rnu'[\s\S]*Did you mean run\?/],
])("%s", async ([, args, message]) => {
  const { code, stdout, stderr } = await folder.run(...args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).toBe("");
  expect(code).toBe(2);
});

test("a workflow that takes nothing needs no --input", async () => {
  expect((await folder.run("run", two, "evening")).code).toBe(0);
});

test("help of every command has an example", async () => {
  const { code, stdout } = await folder.run("--help");
  expect(code).toBe(0);
  const names = [...stdout.matchAll(/^ {2}(\w+) (?:\[options\]|<)/gm)].map(([, name]) => name as string);
  expect(names).toEqual(["run", "resume", "rerun", "list", "show", "events", "cancel", "delete", "worker", "serve", "migrate"]);
  const helps = await Promise.all(names.map((name) => folder.run(name, "--help")));
  for (const [index, help] of helps.entries()) expect(help.stdout, names[index]).toContain(`$ workflow-engine ${names[index]}`);
});
