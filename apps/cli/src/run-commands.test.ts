// The commands as a person types them: the real bin, a database of its own, and what comes out.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CliFolder, fixturePath, jsonLines, runIdIn } from "./fixture/cli-process.ts";

let folder: CliFolder;
beforeEach(() => {
  folder = new CliFolder();
});
afterEach(() => folder.remove());

test("run executes a workflow, appends a line per event and ends with output, id and hint", async () => {
  const { code, stdout, stderr } = await folder.run(...folder.pressArgs("--config", '{"gather":{"pages":3}}'));
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const runId = runIdIn(stdout);
  expect(stdout).toMatch(/gather: started[\s\S]*gather: 50% half of gather[\s\S]*gather: done in [\s\S]*bind: done[\s\S]*run completed/);
  expect(stdout).toMatch(/COMPLETED in \d+/);
  expect(stdout).toContain('"copies": 30');
  expect(stdout).toContain(`workflow-engine show ${runId} --db .workflow-engine/workflow-engine.db`);
  expect(stdout).not.toContain("\u001b");
});

test("--json writes every event and then the result, an object a line", async () => {
  const { code, stdout } = await folder.run(...folder.pressArgs("--json"));
  expect(code).toBe(0);
  const lines = jsonLines(stdout);
  const events = lines.slice(0, -1);
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(["workflow:created", "stage:progress", "workflow:completed"]));
  expect(lines.at(-1)).toMatchObject({ type: "result", status: "COMPLETED", output: { book: "Atlas", copies: 20 }, isInterrupted: false });
  expect(Object.fromEntries(Object.entries(lines.at(-1) ?? {}).filter(([name]) => name === "stages"))).toMatchObject({
    stages: [{ stageId: "gather", state: "done" }, { stageId: "fold" }, { stageId: "print" }, { stageId: "bind" }],
  });
});

test("the same --key answers the same run and executes nothing again", async () => {
  const first = await folder.run(...folder.pressArgs("--key", "once"));
  const second = await folder.run(...folder.pressArgs("--key", "once"));
  expect(second.code).toBe(0);
  expect(runIdIn(second.stdout)).toBe(runIdIn(first.stdout));
  expect(folder.lines()).toHaveLength(8);
});

test("list and show tell of a run; list filters", async () => {
  const runId = runIdIn((await folder.run(...folder.pressArgs())).stdout);
  const list = await folder.run("list");
  expect(list.stdout).toMatch(new RegExp(`${runId}\\s+press\\s+COMPLETED`));
  expect((await folder.run("list", "--status", "failed")).stdout).toBe("No runs.\n");
  expect(jsonLines((await folder.run("list", "--json", "--workflow", "press", "--limit", "1")).stdout)).toMatchObject([
    { workflowRunId: runId, status: "COMPLETED", module: fixturePath("press") },
  ]);

  const show = await folder.run("show", runId, "--logs", "2");
  expect(show.code).toBe(0);
  expect(show.stdout).toMatch(/✔ done +gather[\s\S]*✔ done +bind/);
  expect(show.stdout).toContain("Logs (the last 2)");
  expect(show.stdout).toContain("bind is through");
  expect(show.stdout).toMatch(/cover +ARTIFACT/);
  expect(show.stdout).toContain('"book": "Atlas"');
  const json = JSON.parse((await folder.run("show", runId, "--json")).stdout) as Record<string, unknown>;
  expect(json).toMatchObject({ run: { id: runId, output: { copies: 20 } }, stages: [{ stageId: "gather" }, {}, {}, {}] });
});

test("events lists what happened after a number", async () => {
  const runId = runIdIn((await folder.run(...folder.pressArgs())).stdout);
  const all = jsonLines((await folder.run("events", runId, "--json")).stdout);
  const later = jsonLines((await folder.run("events", runId, "--json", "--after", "3")).stdout);
  expect(later).toEqual(all.slice(3));
  const followed = await folder.run("events", runId, "--follow");
  expect(followed.code).toBe(0);
  expect(followed.stdout.trim().split("\n")).toHaveLength(all.length);
});

test("a failed run exits 1, says why, and rerun goes on from the stage that failed", async () => {
  const repair = folder.mark("fold", "broken");
  const failed = await folder.run(...folder.pressArgs());
  expect(failed.code).toBe(1);
  const runId = runIdIn(failed.stdout);
  expect(failed.stdout).toContain("fold: attempt 1 failed: fold is out of paper; again in");
  expect(failed.stdout).toMatch(/FAILED in [\s\S]*fold: fold is out of paper/);
  expect(failed.stdout).toContain(`workflow-engine rerun ${runId} --from fold --db`);
  expect((await folder.run("show", runId)).stdout).toMatch(/fold #1 +FAILED[\s\S]*fold #2 +FAILED/);

  repair();
  const again = await folder.run("rerun", runId, "--from", "fold");
  expect(again.stderr).toBe("");
  expect(again.code).toBe(0);
  expect(again.stdout).toContain("run goes on from fold");
  expect(again.stdout).not.toContain("gather: started");
  expect(folder.lines().filter((line) => line === "gather began")).toHaveLength(1);
});

test("cancel ends a run that another process executes", async () => {
  folder.mark("gather", "hold");
  const running = folder.start(...folder.pressArgs());
  await expect.poll(() => folder.lines(), { timeout: 20_000 }).toContain("gather began");
  const runId = runIdIn(running.stdout);
  const cancelled = await folder.run("cancel", runId, "--reason", "wrong paper");
  expect(cancelled).toMatchObject({ code: 0, stdout: `Cancelled run ${runId}.\n` });
  const ended = await running.ended;
  expect(ended.code).toBe(1);
  expect(ended.stdout).toMatch(/CANCELLED[\s\S]*wrong paper/);
  expect((await folder.run("cancel", runId)).stdout).toContain("has already ended: CANCELLED");

  expect((await folder.run("delete", runId)).stdout).toBe(`Deleted run ${runId}.\n`);
  expect((await folder.run("show", runId)).code).toBe(2);
});

test("worker executes runs until it is told to stop, and says so run by run", async () => {
  const hold = folder.mark("gather", "hold");
  const starter = folder.start(...folder.pressArgs());
  await expect.poll(() => folder.lines(), { timeout: 20_000 }).toContain("gather began");
  starter.kill("SIGINT");
  await expect.poll(() => starter.stdout).toContain("Stopping");
  hold();
  expect((await starter.ended).code).toBe(130);

  const worker = folder.start("worker", fixturePath("press"), fixturePath("two-workflows"));
  await expect.poll(() => worker.stdout, { timeout: 20_000 }).toMatch(/COMPLETED {2}[0-9a-f-]{36} {2}press/);
  worker.kill("SIGTERM");
  const { code, stdout } = await worker.ended;
  expect(code).toBe(0);
  expect(stdout).toContain("works on press, morning, evening");
  expect(stdout).toMatch(/Stopped after \d+ stages/);
});

test("migrate makes a database that the others find", async () => {
  const made = await folder.run("migrate", "--db", "runs/here.db");
  expect(made).toMatchObject({ code: 0, stdout: "runs/here.db: made the tables.\n" });
  expect((await folder.run("migrate", "--db", "runs/here.db")).stdout).toBe("runs/here.db is up to date.\n");
  expect((await folder.run("list", "--db", "runs/here.db")).stdout).toBe("No runs.\n");
});

test("--input and --config read files", async () => {
  writeFileSync(join(folder.path, "input.json"), JSON.stringify({ journal: folder.journal }));
  const { code, stdout } = await folder.run("run", fixturePath("press"), "press", "--input", "@input.json", "--json");
  expect(code).toBe(0);
  expect(jsonLines(stdout).at(-1)).toMatchObject({ output: { book: "untitled" } });
});
