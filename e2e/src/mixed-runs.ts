// The runs of the crash tests and the soak: one of each kind in turn, how each has to end, and waiting until all have.
import type { Kernel, Reader } from "@bratsos/workflow-engine";
import type { Expected } from "./audit.ts";
import { linesOf } from "./journal.ts";

interface Kind {
  workflowId: string;
  status: Expected["status"];
  /** The run's output by its number. */
  outputOf: (n: number) => unknown;
  /** Executions it needs when nothing goes wrong: of stages that complete, and of the one that never does. */
  needs: readonly [completing: number, failing: number];
}

const kinds: readonly Kind[] = [
  { workflowId: "sequential", status: "COMPLETED", outputOf: (n) => ({ n: n + 3 }), needs: [3, 0] },
  { workflowId: "parallel", status: "COMPLETED", outputOf: (n) => ({ n: 4 * (n + 2) }), needs: [6, 0] },
  { workflowId: "failing", status: "FAILED", outputOf: () => null, needs: [1, 3] },
  { workflowId: "suspending", status: "COMPLETED", outputOf: (n) => ({ n: n + 2 }), needs: [2, 0] },
];

/** The stage that never completes. What a death costs it is an attempt, of which it has no more than it needs. */
const neverCompletes = "fails";

/** Executions that the first `count` runs need when nothing goes wrong. */
export const executionsOf = (count: number): number => sumOf(count, ({ needs: [completing, failing] }) => completing + failing);

/** Executions, noted in a journal, of stages of the first `count` runs that another one had to repeat. */
export function repeatedOf(journal: string, count: number): number {
  const completing = linesOf(journal, "run").filter((line) => line.split(" ")[2] !== neverCompletes);
  return completing.length - sumOf(count, ({ needs }) => needs[0]);
}

function sumOf(count: number, of: (kind: Kind) => number): number {
  return Array.from({ length: count }, (_, n) => of(kinds[n % kinds.length]!)).reduce((sum, one) => sum + one, 0);
}

/** The command that creates run `n`, and how that run has to end. */
export function mixedRun(n: number) {
  const { workflowId, status, outputOf } = kinds[n % kinds.length]!;
  const command = { type: "run.create", idempotencyKey: `${workflowId}-${n}`, workflowId, input: { n } } as const;
  return { command, expected: { status, output: outputOf(n) } satisfies Expected };
}

/** Creates run `n`; answers its id and how it has to end. */
export async function createMixedRun(kernel: Kernel, n: number): Promise<[runId: string, expected: Expected]> {
  const { command, expected } = mixedRun(n);
  return [(await kernel.dispatch(command)).workflowRunId, expected];
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something is so; tells what it waited for when that takes too long. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await pause(20);
  }
}

/** Waits until no run is open; tells which are, and what they wait for, when that takes too long. */
export async function untilEnded(reader: Reader, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const open = (await reader.countRuns()).filter(({ status }) => openStatuses.some((one) => one === status));
    if (open.length === 0) return;
    if (Date.now() > deadline) throw new Error(`still open after ${timeoutMs} ms: ${JSON.stringify(await describeOpen(reader), null, 2)}`);
    await pause(100);
  }
}

const openStatuses = ["PENDING", "RUNNING", "SUSPENDED"] as const;

async function describeOpen(reader: Reader): Promise<unknown> {
  const pages = await Promise.all(openStatuses.map((status) => reader.listRuns({ status }, { limit: 5 })));
  return Promise.all(
    pages
      .flatMap(({ items }) => items)
      .map(async (run) => {
        const { stages = [] } = (await reader.getRunDetail(run.id)) ?? {};
        return { ...run, stages, attempts: await reader.listAttempts(run.id), events: (await reader.listEvents(run.id, 0, 10_000)).length };
      }),
  );
}

/** Waits until the last event of each run is published: a moment after the commit it tells of. */
export async function untilPublished(reader: Reader, runIds: readonly string[], timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (const runId of runIds) {
    for (;;) {
      const last = (await reader.listEvents(runId, 0, 10_000)).at(-1)?.eventType;
      if (last === "workflow:completed" || last === "workflow:failed") break;
      if (Date.now() > deadline) throw new Error(`events of ${runId} were not published: the last is ${last}`);
      await pause(50);
    }
  }
}
