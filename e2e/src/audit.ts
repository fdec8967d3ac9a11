// Reads what the workers left and says what is wrong with it: the promises, as questions to the database.
import type { OutboxRecord, Reader, RunDetail } from "@bratsos/workflow-engine";

/** How a run of a workflow has to end. */
export type Expected = "COMPLETED" | "FAILED";

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
  if (run.status !== expected) problems.push(`ended ${run.status}, not ${expected} (${run.errorMessage ?? "no error"})`);
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
  return problems;
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
