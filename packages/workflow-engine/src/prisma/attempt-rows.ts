// Attempts that are over (P13). A schema without a table for them forgets them.
import type { AttemptRow, ExecutionRef } from "../ports/store.ts";
import { attemptModel, runModel } from "./models.ts";
import { Rows } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

/** An attempt as kept. */
export interface AttemptEntry extends Omit<AttemptRow, "startedAt" | "endedAt"> {
  id: string;
  workflowRunId: string;
  startedAt: Date | null;
  endedAt: Date;
  sweptAt: Date | null;
}

/** Keeps attempts, if the schema has room. */
export async function appendAttempts(session: PrismaSession, workflowRunId: string, attempts: readonly AttemptRow[]): Promise<void> {
  if (!session.hasModel(attemptModel)) return;
  const records = attempts.map(({ startedAt, endedAt, ...fields }) => ({
    ...{ id: session.newId(), workflowRunId, ...fields },
    ...{ startedAt: startedAt === null ? null : new Date(startedAt), endedAt: new Date(endedAt) },
  }));
  await session.step((inner) => new Rows<AttemptEntry>(inner, attemptModel).createAll(records));
}

/** Attempts of a run in the order of their ends. */
export async function listAttempts(session: PrismaSession, workflowRunId: string): Promise<AttemptEntry[]> {
  if (!session.hasModel(attemptModel)) return [];
  const query = { where: { workflowRunId }, orderBy: [{ endedAt: "asc" }, { id: "asc" }] };
  return session.step((inner) => new Rows<AttemptEntry>(inner, attemptModel).list(query));
}

/** Executions that lost their stage before an instant, each told once: a blob they left is named by nobody. */
export async function takeOrphans(
  session: PrismaSession,
  before: Date,
  max: number,
): Promise<Array<ExecutionRef & { workflowId: string }>> {
  if (!session.hasModel(attemptModel)) return [];
  const rows = new Rows<AttemptEntry>(session, attemptModel);
  const where = { outcome: "LOST", sweptAt: null, endedAt: { lt: before } };
  const lost = await rows.list({ where, orderBy: [{ endedAt: "asc" }, { id: "asc" }], take: max });
  if (lost.length === 0) return [];
  await rows.set({ id: { in: lost.map(({ id }) => id) } }, { sweptAt: session.now() });
  const runIds = [...new Set(lost.map((attempt) => attempt.workflowRunId))];
  const runs = await session.of(runModel).findMany({ where: { id: { in: runIds } }, select: { id: true, workflowId: true } });
  const workflowIds = new Map(runs.map(({ id, workflowId }) => [id, workflowId as string]));
  return lost.map(({ workflowRunId: runId, stageId, item, executionId }) => ({
    ...{ runId, stageId, item, executionId },
    workflowId: workflowIds.get(runId) ?? "",
  }));
}
