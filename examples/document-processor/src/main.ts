// `npm start`: runs the document processor on a database of its own and shows how to look at what happened. It goes through
// the command line like anybody else would; with no argument it reads the essay that comes with it, slowly enough to watch
// (or to kill: `resume` goes on where it stopped).
import { readFile, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { main } from "@bratsos/workflow-engine-cli";
import { documentProcessor } from "./workflow.ts";

const DATABASE = ".workflow-engine/document-processor.db";
const REPORT = resolve(".workflow-engine/document-processor-report.md");
const WATCHABLE_PACE_MS = 600; // eight steps one after the other: about five seconds

const given = process.argv[2];
const workflowPath = fileURLToPath(new URL("./workflow.ts", import.meta.url));

process.exitCode = await start();

async function start(): Promise<number> {
  await rm(REPORT, { force: true }); // so that a report on the disk is always the one of this run
  const input = { source: given === undefined ? essayPath() : absolute(given) };
  const config = Object.fromEntries(
    documentProcessor.getStageIds().map((id) => [id, { paceMs: given === undefined ? WATCHABLE_PACE_MS : 0 }]),
  );
  const model = modelOfKey();
  if (model !== undefined) config["summary"] = { ...config["summary"], model } as (typeof config)[string];
  const code = await main([
    "run",
    workflowPath,
    documentProcessor.id,
    ...["--input", JSON.stringify(input)],
    ...["--config", JSON.stringify({ ...config, report: { ...config["report"], reportPath: REPORT } })],
    ...["--db", DATABASE],
  ]);
  if (code === 0) console.log(`\n${await readFile(REPORT, "utf8")}\nThe report is in ${REPORT}`);
  console.log(nextSteps(await newestRunId()));
  return code;
}

/** A small model of the first provider that has a key here; the summary is then its own words. */
function modelOfKey(): string | undefined {
  const models = {
    OPENAI_API_KEY: "gpt-4.1-mini",
    ANTHROPIC_API_KEY: "claude-haiku-4.5",
    GOOGLE_GENERATIVE_AI_API_KEY: "gemini-2.5-flash",
  };
  return Object.entries(models).find(([key]) => process.env[key])?.[1];
}

/** The run that was just started, for commands that can be pasted as they are. */
async function newestRunId(): Promise<string> {
  const store = createSqliteStore({ path: DATABASE });
  try {
    const { items } = await store.reader.listRuns({}, { limit: 1 });
    return items[0]?.id ?? "<run id>";
  } finally {
    await store.close();
  }
}

function essayPath(): string {
  return fileURLToPath(new URL("../documents/the-long-memory-of-work.md", import.meta.url));
}

/** A relative path means the folder npm was called in; a run may be resumed from another, so it is stored absolute. */
function absolute(source: string): string {
  return /^[a-z][a-z0-9+.-]+:/i.test(source) ? source : resolve(process.env["INIT_CWD"] ?? ".", source);
}

function nextSteps(runId: string): string {
  const command = (name: string, rest = "") => `  npx workflow-engine ${name}${rest} --db ${DATABASE}`;
  return [
    "Look further:",
    command("list"),
    command("show", ` ${runId}`),
    command("events", ` ${runId}`),
    "Do it again from a stage, or go on after an interruption:",
    command("rerun", ` ${runId} --from keywords`),
    command("resume", ` ${runId}`),
    "Read a document of your own:",
    "  npm start -- <path or URL>",
  ].join("\n");
}
