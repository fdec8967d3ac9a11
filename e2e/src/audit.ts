// Reads what the workers left and says what is wrong with it: the promises, as questions to the database.
import { isDeepStrictEqual } from "node:util";
import type { OutboxRecord, Reader, RunDetail } from "@bratsos/workflow-engine";

/** How a run of a workflow has to end. */
export interface Expected {
  status: "COMPLETED" | "FAILED";
  output: unknown;
}

/** Runs audited at once: as many as a store has connections for. */
const atOnce = 8;

/** Everything wrong with these runs. */
export async function auditRuns(reader: Reader, runs: ReadonlyArray<readonly [runId: string, expected: Expected]>): Promise<string[]> {
  return eachInTurn(runs, ([runId, expected]) => auditRun(reader, runId, expected));
}

async function eachInTurn<T>(all: readonly T[], audit: (one: T) => Promise<string[]>): Promise<string[]> {
  const left = [...all];
  const problems: string[] = [];
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) problems.push(...(await audit(next)));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return problems;
}

/** Everything wrong with a run that has ended; nothing when it is as promised. */
export async function auditRun(reader: Reader, runId: string, expected: Expected): Promise<string[]> {
  const detail = await reader.getRunDetail(runId);
  if (!detail) return [`${runId}: lost`];
  const events = await reader.listEvents(runId, 0, 10_000);
  return [...auditStatus(detail, expected), ...auditEvents(detail, events), ...(await auditAttempts(reader, detail))].map(
    (problem) => `${runId}: ${problem}`,
  );
}

function auditStatus({ run, stages }: RunDetail, expected: Expected): string[] {
  const problems: string[] = [];
  if (run.status !== expected.status) problems.push(`ended ${run.status}, not ${expected.status} (${run.errorMessage ?? "no error"})`);
  else if (!isDeepStrictEqual(run.output ?? null, expected.output)) problems.push(`its output is ${JSON.stringify(run.output)}`);
  for (const stage of stages) {
    if (stage.status === "COMPLETED" && stage.errorMessage !== null) problems.push(`${stage.stageId} completed with an old error`);
    if (["PENDING", "RUNNING", "SUSPENDED"].includes(stage.status)) problems.push(`${stage.stageId} is still ${stage.status}`);
  }
  return problems;
}

function auditEvents({ run, stages }: RunDetail, events: OutboxRecord[]): string[] {
  const problems: string[] = [];
  events.forEach((event, i) => {
    if (event.sequence !== events[0]!.sequence + i) problems.push(`sequence ${event.sequence} at place ${i}`);
  });
  const types = events.map((event) => event.eventType);
  const last = run.status === "COMPLETED" ? "workflow:completed" : "workflow:failed";
  for (const once of ["workflow:created", "workflow:started", last]) {
    const count = types.filter((type) => type === once).length;
    if (count !== 1) problems.push(`${once} told ${count} times`);
  }
  if (types[0] !== "workflow:created") problems.push(`first event is ${types[0]}`);
  if (types.at(-1) !== last) problems.push(`last event is ${types.at(-1)}`);
  for (const { stageId, status } of stages) {
    const of = (type: string): number => events.filter((e) => e.eventType === type && stageOf(e) === stageId).length;
    if (status === "COMPLETED" && of("stage:completed") !== 1) problems.push(`${stageId} completed ${of("stage:completed")} times`);
    if (status === "FAILED" && of("stage:failed") !== 1) problems.push(`${stageId} failed ${of("stage:failed")} times`);
    const startedAt = events.findIndex((e) => e.eventType === "stage:started" && stageOf(e) === stageId);
    const endedAt = events.findIndex((e) => e.eventType === "stage:completed" && stageOf(e) === stageId);
    if (endedAt >= 0 && (startedAt < 0 || startedAt > endedAt)) problems.push(`${stageId} completed before it started`);
  }
  return [...problems, ...auditGroups(stages, events)];
}

/** No stage starts before every stage of the groups before its own has completed. */
function auditGroups(stages: RunDetail["stages"], events: OutboxRecord[]): string[] {
  const groupOf = new Map(stages.map(({ stageId, executionGroup }): [unknown, number] => [stageId, executionGroup]));
  const completed = new Set<unknown>();
  return events.flatMap((event) => {
    const stageId = stageOf(event);
    if (event.eventType === "stage:completed") completed.add(stageId);
    if (event.eventType !== "stage:started") return [];
    const early = stages.filter((stage) => stage.executionGroup < (groupOf.get(stageId) ?? 0) && !completed.has(stage.stageId));
    return early.map((stage) => `${String(stageId)} started before ${stage.stageId} had completed`);
  });
}

/** What was delivered, in the order of the first delivery of each event, against what was to be. Deliveries are lines "run event". */
export async function auditDeliveries(reader: Reader, runIds: readonly string[], deliveries: string): Promise<string[]> {
  const told = Map.groupBy(new Set(deliveries.trim().split("\n")), (line) => line.split(" ")[0]!);
  return eachInTurn(runIds, async (runId) => {
    const events = (await reader.listEvents(runId, 0, 10_000)).map(({ id }) => `${runId} ${id}`);
    const first = told.get(runId) ?? [];
    if (isDeepStrictEqual(first, events)) return [];
    return [`${runId}: delivered ${first.length} of ${events.length} events, or not in their order`];
  });
}

function stageOf(event: OutboxRecord): unknown {
  return (event.payload as { stageId?: unknown }).stageId;
}

async function auditAttempts(reader: Reader, { run, stages }: RunDetail): Promise<string[]> {
  const attempts = await reader.listAttempts(run.id);
  return stages.flatMap(({ stageId, status, maxAttempts }) => {
    const own = attempts.filter((attempt) => attempt.stageId === stageId);
    const completed = own.filter((attempt) => attempt.status === "COMPLETED").length;
    const problems: string[] = [];
    if (status === "COMPLETED" && completed !== 1) problems.push(`${stageId} has ${completed} completed executions`);
    const most = Math.max(0, ...own.map((attempt) => attempt.attempt));
    if (most > maxAttempts) problems.push(`${stageId} had attempt ${most} of ${maxAttempts}`);
    return problems;
  });
}
