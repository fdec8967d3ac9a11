// The stages as the engine calls them, one after the other with a context of our own; the engine itself is tested elsewhere.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EnhancedStageContext } from "@bratsos/workflow-engine";
import { FatalError } from "@bratsos/workflow-engine";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { extractText } from "./stages/extract-text.ts";
import { keywords } from "./stages/keywords.ts";
import { report } from "./stages/report.ts";
import { sentiment } from "./stages/sentiment.ts";
import { summary } from "./stages/summary.ts";
import { documentProcessor, workflows } from "./workflow.ts";

const ESSAY = fileURLToPath(new URL("../documents/the-long-memory-of-work.md", import.meta.url));
let folder: string;

interface Runnable {
  readonly id: string;
  readonly configSchema: { parse(config: unknown): unknown };
  readonly outputSchema: { parse(output: unknown): unknown };
  execute(ctx: never): Promise<object>;
}

/** Executes one stage and returns its parsed output; `shown` collects progress and log lines. */
async function execute(
  stage: Runnable,
  input: unknown,
  options: { config?: object; outputs?: object; signal?: AbortSignal; shown?: string[] } = {},
) {
  const outputs: Record<string, unknown> = { ...options.outputs };
  const ctx: Partial<EnhancedStageContext> = {
    stageId: stage.id,
    executionId: "execution-1",
    input,
    config: stage.configSchema.parse(options.config ?? {}),
    signal: options.signal ?? new AbortController().signal,
    onProgress: ({ progress, message }) => void options.shown?.push(`${progress} ${message}`),
    log: (level, message) => void options.shown?.push(`${level} ${message}`),
    require: (id) => outputs[id],
  };
  const result = (await stage.execute(ctx as never)) as { output: unknown };
  return stage.outputSchema.parse(result.output) as never;
}

async function processDocument(source: string, reportConfig: object = {}) {
  const extracted = await execute(extractText, { source });
  const [found, mood, short] = await Promise.all([
    execute(keywords, extracted),
    execute(sentiment, extracted),
    execute(summary, extracted),
  ]);
  const input = { keywords: found, sentiment: mood, summary: short };
  const output: { markdown: string; reportPath?: string } = await execute(report, input, {
    config: reportConfig,
    outputs: { "extract-text": extracted },
  });
  return output;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "document-processor-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it("is a workflow of five stages in three groups, three of them at once", () => {
  expect(workflows).toEqual([documentProcessor]);
  expect(documentProcessor.getExecutionPlan().map((group) => group.map(({ stage }) => stage.id))).toEqual([
    ["extract-text"],
    ["keywords", "sentiment", "summary"],
    ["report"],
  ]);
});

describe("the document that comes with the example", () => {
  it("becomes a report that is returned and written, whole, where the config says", async () => {
    const reportPath = join(folder, "new", "report.md");
    const output = await processDocument(ESSAY, { reportPath });
    expect(output).toMatchObject({ title: "The Long Memory of Work", kind: "markdown", reportPath, warnings: [] });
    expect(await readFile(reportPath, "utf8")).toBe(output.markdown);
    expect(await readdir(join(folder, "new"))).toEqual(["report.md"]);
    for (const heading of ["# The Long Memory of Work", "## Summary", "## Keywords", "## Names and figures", "## Sentiment"]) {
      expect(output.markdown.split("\n")).toContain(heading);
    }
  });

  it("gives the same report every time", async () => {
    expect(await processDocument(ESSAY)).toEqual(await processDocument(ESSAY));
  });
});

describe("every stage", () => {
  it("reports rising progress and at least one log line", async () => {
    const shown: string[] = [];
    await execute(extractText, { source: ESSAY }, { shown });
    const progress = shown.map((line) => Number.parseInt(line, 10)).filter(Number.isFinite);
    expect(progress.length).toBeGreaterThanOrEqual(3);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(shown.filter((line) => line.startsWith("INFO"))).toHaveLength(1);
  });

  it("stops in its pause when the run is cancelled, with the reason", async () => {
    const cancelled = new AbortController();
    const running = execute(extractText, { source: ESSAY }, { config: { paceMs: 60_000 }, signal: cancelled.signal });
    cancelled.abort(new Error("run cancelled"));
    await expect(running).rejects.toThrow("run cancelled");
  });
});

it("a text that is cut or not English carries a warning into the report", async () => {
  const shown: string[] = [];
  const extracted: { wordCount: number; warnings: string[] } = await execute(
    extractText,
    { source: ESSAY },
    { config: { maxCharacters: 1_000 }, shown },
  );
  expect(extracted.wordCount).toBeLessThan(200);
  expect(extracted.warnings).toEqual([expect.stringMatching(/^Only the first \d+ % of the text was read/)]);
  expect(shown.some((line) => line.startsWith("WARN"))).toBe(true);
});

it("a report that cannot be written fails for good and leaves nothing behind", async () => {
  await expect(processDocument(ESSAY, { reportPath: folder })).rejects.toThrow(/cannot be written to .*Name another reportPath/);
  await expect(processDocument(ESSAY, { reportPath: folder })).rejects.toBeInstanceOf(FatalError);
  expect(await readdir(folder)).toEqual([]);
});
