// P24 with real processes: a worker is killed with SIGKILL at every step of a batch's life, by the provider's own server, as its request
// comes in or as its answer goes out. The server counts one batch, and every paid result is kept.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { type BatchHook, type BatchServer, startBatchServer } from "@bratsos/workflow-engine/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordFigure } from "../../../tools/figures.ts";
import { batchWorkflow, type ProviderName, requestCount } from "./batch-workflow.ts";
import { fastEnvironment } from "./fast-environment.ts";

type Step =
  | "anywhere"
  | "before submit"
  | "after upload"
  | "after submit"
  | "after its answer"
  | "while polling"
  | "before harvest"
  | "while harvesting";

const isFull = process.env["PROOF"] === "full";
const rounds = isFull ? 6 : 1;
const reduced: readonly Step[] = ["before submit", "after submit", "while polling", "while harvesting"];
const all: readonly Step[] = [...reduced, "anywhere", "after upload", "after its answer", "before harvest"];
const batchMain = fileURLToPath(new URL("./batch-main.ts", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "batch-kill9-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const never = (): Promise<never> => new Promise(() => undefined);

/** Which request each step is about. */
const isCreation: Match = ({ method, path }) => method === "POST" && /\/batches$|batchGenerateContent$/.test(path);
const isResult: Match = ({ path }) => /\/content$|\/results$/.test(path);
type Match = (request: Parameters<BatchHook>[0]) => boolean;

/** The life of one worker after the other, on one database, with a provider that kills the first. */
class Scene {
  readonly #path: string;
  readonly #provider: ProviderName;
  server!: BatchServer;
  kills = 0;
  readonly #killed = Promise.withResolvers<void>();
  #child: ChildProcess | undefined;
  #isClosed = false;
  /** Workers that are killed a while after they have started, and how long a while. */
  #doomed: number[] = [];

  constructor(path: string, provider: ProviderName) {
    this.#path = path;
    this.#provider = provider;
  }

  /** Kills the worker on the `nth` request that matches: as it comes in, as its effect is there, or `delayMs` after its answer. */
  killer(match: Match, nth: number, delayMs?: number): BatchHook {
    let seen = 0;
    return (request) => {
      if (!match(request) || ++seen !== nth || this.kills > 0) return null;
      if (delayMs === undefined) {
        this.#kill();
        return never();
      }
      setTimeout(() => this.#kill(), delayMs);
      return null;
    };
  }

  async open(step: Step, round: number): Promise<void> {
    const isLook: Match = ({ method, path }) => method === "GET" && /\/batches\/[^/]+$/.test(path);
    // Google's results come with the look that says they are there; the reading one is the one after it
    const harvest: [Match, number] = this.#provider === "google" ? [this.#isEndedLook(isLook), 3] : [isResult, 1];
    const hooks: Record<Step, { before?: BatchHook; after?: BatchHook }> = {
      anywhere: {},
      "before submit": { before: this.killer(isCreation, 1) },
      "after upload": { after: this.killer(({ path }) => path.endsWith("/files"), 1) },
      "after submit": { after: this.killer(isCreation, 1) },
      "after its answer": { after: this.killer(isCreation, 1, round) },
      "while polling": { before: this.killer(isLook, 2) },
      "before harvest": { before: this.killer(...harvest) },
      "while harvesting": { after: this.killer(...harvest, 1 + 2 * round) },
    };
    this.server = await startBatchServer({ now: fastEnvironment.now, lastsMs: 12_000, ...hooks[step] });
    if (step === "anywhere") this.#doomed = [1, 2, 3, 4].map((nth) => 40 + ((round * 7 + nth * 5) % 11) * 90);
    await this.#start();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    }
    await this.server.close();
  }

  /** Waits for the first kill, but not for ever: a worker that is quick has ended its run before. */
  untilKilled(): Promise<void> {
    return Promise.race([this.#killed.promise, pause(5_000)]);
  }

  #isEndedLook(isLook: Match): Match {
    return (request) => isLook(request) && this.server.desk.batches.some(({ results }) => results !== null);
  }

  #kill(): void {
    this.kills += 1;
    this.#child?.kill("SIGKILL");
    this.#killed.resolve();
  }

  async #start(): Promise<void> {
    const { openai, anthropic, google } = this.server.batchURLs;
    const keys = { OPENAI_API_KEY: "k", ANTHROPIC_API_KEY: "k", GOOGLE_GENERATIVE_AI_API_KEY: "k" };
    const urls = { OPENAI_BASE_URL: openai, ANTHROPIC_BASE_URL: anthropic, GOOGLE_GEMINI_BASE_URL: google };
    const child = spawn(process.execPath, [batchMain, this.#path], {
      env: { ...process.env, ...keys, ...urls, NODE_OPTIONS: "" },
      stdio: ["ignore", "ignore", process.env["E2E_VERBOSE"] ? "inherit" : "ignore", "ipc"],
    });
    this.#child = child;
    child.on("exit", () => {
      if (!this.#isClosed) void this.#start();
    });
    await new Promise((resolve) => child.once("message", resolve));
    const delayMs = this.#doomed.pop();
    if (delayMs !== undefined) setTimeout(() => this.#kill(), delayMs);
  }
}

async function play(provider: ProviderName, step: Step, round: number): Promise<number> {
  const path = join(folder, `${provider}-${step.replaceAll(" ", "-")}-${round}.db`);
  const store = createSqliteStore({ path, environment: fastEnvironment });
  const scene = new Scene(path, provider);
  try {
    const kernel = createKernel({ ...store, registry: createRegistry([batchWorkflow]) });
    await scene.open(step, round);
    const { desk } = scene.server;
    // somebody else's batch of the same size, at the same time: it must not be taken for ours
    const foreign = Array.from({ length: requestCount }, (_, index) => ({
      ...{ index, wireId: `foreign-${index}`, model: "m", prompt: "not ours", system: null, schema: null, maxTokens: 1, temperature: null },
    }));
    const decoy = desk.accept(provider, "decoy_", "decoy", foreign);
    const input = { provider };
    const { workflowRunId } = await kernel.dispatch({ type: "run.create", idempotencyKey: "one", workflowId: "batch", input });
    const deadline = Date.now() + 40_000;
    while ((await store.persistence.getRunStatus(workflowRunId)) !== "COMPLETED") {
      const run = await store.persistence.getRun(workflowRunId);
      if (run?.status === "FAILED" || Date.now() > deadline) throw new Error(`${provider}, ${step}: the run is ${run?.status}`);
      await pause(50);
    }
    await scene.untilKilled();
    const ours = desk.batches.filter((batch) => batch !== decoy);
    const rows = (await store.aiCallLogger.ledger!.listCalls({ runId: workflowRunId })).filter(({ metadata }) => metadata?.["requestId"]);
    const billed = ours.flatMap(({ results }) => results ?? []);
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    expect({
      ...{ step, wasKilled: scene.kills > 0, batches: ours.length, violations: desk.violations },
      output: (await store.persistence.getRun(workflowRunId))?.output,
      recorded: [rows.length, sum(rows.map(({ inputTokens }) => inputTokens)), sum(rows.map(({ outputTokens }) => outputTokens))],
      open: await store.aiCallLogger.ledger!.listCalls({ runId: workflowRunId, status: "open" }),
    }).toEqual({
      ...{ step, wasKilled: true, batches: 1, violations: [] },
      output: { good: requestCount },
      recorded: [requestCount, sum(billed.map(({ inputTokens }) => inputTokens)), sum(billed.map(({ outputTokens }) => outputTokens))],
      open: [],
    });
    return scene.kills;
  } finally {
    await scene.close();
    await store.close();
  }
}

describe.each(["openai", "anthropic", "google"] as const)("kill -9 in the life of a batch of %s", (provider) => {
  it("P24: at every step: one batch, every paid result kept, the ledger is the bill", { timeout: 300_000 }, async () => {
    const steps = (isFull ? all : reduced).filter((step) => step !== "after upload" || provider === "openai");
    let [plays, kills] = [0, 0];
    for (let round = 0; round < rounds; round++) {
      const ended = await Promise.allSettled(steps.map((step) => play(provider, step, round)));
      for (const end of ended) {
        if (end.status === "rejected") throw end.reason;
        kills += end.value;
      }
      plays += ended.length;
    }
    recordFigure({
      promise: "P24",
      claim: `runs; workers killed in the life of their batches of ${provider}; batches at the server`,
      figure: `${plays}; ${kills}; ${plays}`,
      store: "sqlite",
    });
  });
});
