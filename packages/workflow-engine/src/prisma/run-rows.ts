// Runs of the CRUD port on a Prisma client: created, changed, claimed, deleted.
import { errorCodeOf, WorkflowEngineError } from "../errors.ts";
import type { CreateRunInput, RunRecord, UpdateRunInput } from "../ports/run.ts";
import type { Status } from "../ports/status.ts";
import { queuedAtOf } from "../store/crud-state.ts";
import { deleteBudgets } from "./budget-rows.ts";
import { deleteCalls } from "./call-rows.ts";
import type { Row } from "./client.ts";
import { artifactModel, attemptModel, callModel, deliveryModel, jobModel, logModel, outboxModel, runModel, stageModel } from "./models.ts";
import { Rows, setVersioned } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

const byAge: Row[] = [{ createdAt: "asc" }, { id: "asc" }];

/** Inserts a run; an id that exists is RUN_STATE. */
export async function createRun(session: PrismaSession, input: CreateRunInput): Promise<RunRecord> {
  const now = session.now();
  const id = input.id ?? session.newId();
  const { workflowId, workflowName, workflowType, status = "PENDING", priority = 5, config = {}, metadata = null } = input;
  const fields = { workflowId, workflowName, workflowType, status, priority, config, metadata, input: input.input ?? null };
  const record = { id, createdAt: now, updatedAt: now, version: 1, totalCost: 0, totalTokens: 0, ...fields };
  try {
    return toRun(await session.step((inner) => new Rows<RunRecord>(inner, runModel).create(record)));
  } catch (error) {
    if (errorCodeOf(error) !== "STORE_REFUSED") throw error;
    throw new WorkflowEngineError("RUN_STATE", `WorkflowRun ${id} exists already. Use another id.`, { cause: error });
  }
}

/** Changes a run; throws RUN_NOT_FOUND. */
export async function updateRun(session: PrismaSession, id: string, input: UpdateRunInput): Promise<void> {
  if (await setVersioned<RunRecord>(session, runModel, id, { ...input })) return;
  throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${id} not found`);
}

export async function getRun(session: PrismaSession, id: string): Promise<RunRecord | null> {
  const run = await session.step((inner) => new Rows<RunRecord>(inner, runModel).find({ id }));
  return run && toRun(run);
}

export async function getRunStatus(session: PrismaSession, id: string): Promise<Status | null> {
  const row = await session.step((inner) => inner.of(runModel).findMany({ where: { id }, select: { status: true } }));
  return (row[0]?.["status"] as Status | undefined) ?? null;
}

/** Runs of a status, oldest first. */
export async function listRunsByStatus(session: PrismaSession, status: Status): Promise<RunRecord[]> {
  const runs = await session.step((inner) => new Rows<RunRecord>(inner, runModel).list({ where: { status }, orderBy: byAge }));
  return runs.map(toRun);
}

/** PENDING to RUNNING; false when somebody else did. */
export function claimRun(session: PrismaSession, id: string): Promise<boolean> {
  return session.atomically(async (inner) => {
    const run = await new Rows<RunRecord>(inner, runModel).lock(id);
    if (run?.status !== "PENDING") return false;
    await updateRun(inner, id, { status: "RUNNING", startedAt: run.startedAt ?? inner.now() });
    return true;
  });
}

/** Claims the most urgent due run that nobody else is claiming. */
export function claimNextRun(session: PrismaSession): Promise<RunRecord | null> {
  return session.atomically(async (inner) => {
    const later: string[] = [];
    for (;;) {
      const id = await nextPending(inner, later);
      if (id === null) return null;
      const run = await new Rows<RunRecord>(inner, runModel).find({ id });
      if (run && (queuedAtOf(run) ?? 0) <= inner.now().getTime()) {
        await updateRun(inner, id, { status: "RUNNING", startedAt: run.startedAt ?? inner.now() });
        return getRun(inner, id);
      }
      later.push(id);
    }
  });
}

async function nextPending(session: PrismaSession, except: readonly string[]): Promise<string | null> {
  const column = (field: string): string => session.column(runModel, field);
  const others = except.length === 0 ? "" : ` AND ${column("id")} NOT IN (${except.map(() => "?").join(", ")})`;
  const rows = await session.query(
    `SELECT ${column("id")} AS "id" FROM ${session.table(runModel)} WHERE ${column("status")} = 'PENDING'${others}
      ORDER BY ${column("priority")} DESC, ${column("createdAt")}, ${column("id")} LIMIT 1${session.isPostgres ? " FOR UPDATE SKIP LOCKED" : ""}`,
    [...except],
  );
  return (rows[0]?.["id"] as string | undefined) ?? null;
}

/** Deletes a run with every row that belongs to it; its idempotency keys stay for their own retention. */
export function deleteRun(session: PrismaSession, id: string): Promise<void> {
  return session.atomically(async (inner) => {
    await inner.lock(runModel, id);
    const models = [deliveryModel, attemptModel, outboxModel, jobModel, logModel, artifactModel, stageModel];
    for (const plan of models) if (inner.hasModel(plan)) await inner.of(plan).deleteMany({ where: { workflowRunId: id } });
    if (inner.hasModel(callModel)) await deleteCalls(inner, id);
    await deleteBudgets(inner, id);
    await inner.of(runModel).deleteMany({ where: { id } });
  });
}

/** A run's record: rows of the smallest schema, written by others, have no version. */
export function toRun(run: RunRecord): RunRecord {
  return { ...run, version: run.version ?? 0, config: run.config ?? {} };
}
