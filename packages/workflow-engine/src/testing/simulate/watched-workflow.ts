// The user's workflow, every piece of whose code is seen: when it began, in which process, with which input, and how it ended.
import { createPlan } from "../../define/plan.ts";
import type { AnyStage } from "../../define/stage.ts";
import type { AnyWorkflow } from "../../define/workflow.ts";
import type { SimulatedExecution } from "./sightings.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** What user code of a simulated process can ask of its world. */
export interface SimulatedCode<W = unknown> {
  /** What lies outside the engine and outlives every worker: made anew for each history. */
  readonly outside: W;
  /** The history's seed: the same in every process of it. */
  readonly seed: number;
  /** The process's clock, in milliseconds since the epoch. */
  now(): number;
  /** A number in [0, 1) that repeats for one seed. */
  random(): number;
  /** Waits in virtual time; resolves early when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls something outside: the worker may die before or after it happened, and the answer may be lost. */
  call<T>(name: string, effect: () => T | Promise<T>): Promise<T>;
}

/** Longest time that code takes beside what it says itself: more than a lease lasts without heartbeats. Milliseconds. */
const longestWorkMs = 100_000;

/** The same workflow, watched in one process. */
export function watchWorkflow(world: World, process: SimulatedProcess, workflow: AnyWorkflow): AnyWorkflow {
  const groups = workflow.plan.groups.map(({ stages, isParallel, onFailure }) => ({
    stages: stages.map(({ stage }) => watchStage(world, process, stage)),
    isParallel,
    onFailure,
  }));
  return Object.create(workflow, { plan: { value: createPlan(workflow.id, groups) } }) as AnyWorkflow;
}

function watchStage(world: World, process: SimulatedProcess, stage: AnyStage): AnyStage {
  const execute: AnyStage["execute"] = (ctx) => {
    const { workflowRunId: runId, stageId, executionId, attempt, input } = ctx;
    const seen = begin(world, process, { kind: "execute", runId, stageId, executionId, attempt, input });
    const onAbort = (): void => void (seen.abortedAt = world.time.now);
    ctx.signal.addEventListener("abort", onAbort, { once: true });
    return watch(world, seen, () => stage.execute(ctx), stage.timeoutMs ?? Number.POSITIVE_INFINITY);
  };
  const { checkCompletion } = stage;
  const watched: Record<string, unknown> = { execute };
  if (checkCompletion) {
    watched["checkCompletion"] = (state: never, ctx: Parameters<typeof checkCompletion>[1]) => {
      const { workflowRunId: runId, stageId } = ctx;
      const about = { kind: "check", runId, stageId, executionId: undefined, attempt: 0, input: state } as const;
      return watch(world, begin(world, process, about), () => checkCompletion.call(stage, state, ctx), 0);
    };
  }
  return Object.create(
    stage,
    Object.fromEntries(Object.entries(watched).map(([name, value]) => [name, { value, enumerable: true }])),
  ) as AnyStage;
}

type About = Pick<SimulatedExecution, "kind" | "runId" | "stageId" | "executionId" | "attempt" | "input">;

function begin(world: World, process: SimulatedProcess, about: About): SimulatedExecution {
  const startedAt = world.time.now;
  const fresh = { endedAt: null, abortedAt: null, end: null, output: undefined, error: undefined };
  const seen: SimulatedExecution = { ...about, worker: process.label, process, startedAt, ...fresh };
  world.seen.executions.push(seen);
  const run = `of run ${about.runId.slice(-4)}`;
  const what = about.kind === "check" ? `looks at ${about.stageId} ${run}` : `begins ${about.stageId} ${run}, attempt ${about.attempt}`;
  world.tell(process.label, what);
  return seen;
}

async function watch<T>(world: World, seen: SimulatedExecution, code: () => Promise<T>, timeoutMs: number): Promise<T> {
  const { process } = seen;
  const ended = process.beginCode();
  try {
    const result = await code();
    await work(world, process, timeoutMs);
    note(world, seen, result);
    return result;
  } catch (error) {
    end(world, seen, "failed", undefined);
    seen.error = error;
    world.tell(process.label, `${seen.stageId} throws: ${error instanceof Error ? error.message : String(error)}`);
    throw error;
  } finally {
    ended();
  }
}

/** Code takes time, at times more than a heartbeat: a slow machine is no fault. */
async function work(world: World, process: SimulatedProcess, timeoutMs: number): Promise<void> {
  if (world.choices.isCalm) return;
  const draw = world.choices.stream(process.place("work"));
  const u = draw();
  const ms = u < 0.5 ? 0 : u < 0.95 ? draw() * 50 : draw() * Math.min(longestWorkMs, timeoutMs / 2);
  if (ms > 0) await sleep(world, process, ms);
}

function note(world: World, seen: SimulatedExecution, result: unknown): void {
  const { suspended, ready, output, error } = (result ?? {}) as Record<"suspended" | "ready" | "output" | "error", unknown>;
  if (seen.kind === "check" && error != null) {
    seen.error = error;
    end(world, seen, "failed", undefined);
    world.tell(seen.worker, `${seen.stageId} has failed outside: ${String(error)}`);
    return;
  }
  const isWaiting = suspended === true || (seen.kind === "check" && (ready !== true || output === undefined));
  end(world, seen, isWaiting ? "suspended" : "completed", output);
  world.tell(seen.worker, `${seen.stageId} ${isWaiting ? "waits" : "returns"}`);
}

function end(world: World, seen: SimulatedExecution, how: SimulatedExecution["end"], output: unknown): void {
  seen.endedAt = world.time.now;
  seen.end = how;
  seen.output = output;
}

/** Waits in a process's virtual time. */
export function sleep(world: World, process: SimulatedProcess, ms: number, signal?: AbortSignal): Promise<void> {
  process.codeWaiting++;
  return new Promise((resolve) => {
    const wake = (): void => {
      cancel();
      signal?.removeEventListener("abort", wake);
      process.codeWaiting--;
      resolve();
    };
    const cancel = world.time.at(world.time.now + Math.max(0, ms), process, wake);
    if (signal?.aborted) wake();
    else signal?.addEventListener("abort", wake, { once: true });
  });
}
