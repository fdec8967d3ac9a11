// Stages of the CRUD port on a Prisma client.
import { WorkflowEngineError } from "../errors.ts";
import type { CreateStageInput, StageQuery, StageRecord, UpdateStageInput, UpsertStageInput } from "../ports/stage.ts";
import type { Row } from "./client.ts";
import { stageModel } from "./models.ts";
import { Rows, setVersioned } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

const inOrder: Row[] = [{ executionGroup: "asc" }, { stageNumber: "asc" }, { stageId: "asc" }];
const turnedAround: Row[] = [{ executionGroup: "desc" }, { stageNumber: "desc" }, { stageId: "desc" }];

/** Inserts a stage; (run, stage) is unique. */
export async function createStage(session: PrismaSession, input: CreateStageInput): Promise<StageRecord> {
  const now = session.now();
  const { id = session.newId(), status = "PENDING", attempt = 0, ...fields } = input;
  const record = { ...fields, id, status, attempt, createdAt: now, updatedAt: now, version: 0 };
  return toStage(await session.step((inner) => new Rows<StageRecord>(inner, stageModel).create(record)));
}

/** Creates a stage, or changes the one of this run and stage id. */
export function upsertStage(session: PrismaSession, { workflowRunId, stageId, create, update }: UpsertStageInput): Promise<StageRecord> {
  return session.atomically(async (inner) => {
    const found = await findStage(inner, { workflowRunId, stageId });
    if (!found) return createStage(inner, { ...create, workflowRunId, stageId });
    await updateStage(inner, found.id, update);
    return (await findStage(inner, { id: found.id }))!;
  });
}

/** Changes a stage; throws STAGE_NOT_FOUND. */
export async function updateStage(session: PrismaSession, id: string, input: UpdateStageInput): Promise<void> {
  if (await setVersioned<StageRecord>(session, stageModel, id, { ...input })) return;
  throw new WorkflowEngineError("STAGE_NOT_FOUND", `WorkflowStage ${id} not found`);
}

/** Changes the stage of this run and stage id; throws STAGE_NOT_FOUND. */
export async function updateStageOfRun(
  session: PrismaSession,
  workflowRunId: string,
  stageId: string,
  input: UpdateStageInput,
): Promise<void> {
  const found = await findStage(session, { workflowRunId, stageId });
  if (!found) throw new WorkflowEngineError("STAGE_NOT_FOUND", `WorkflowStage ${stageId} of run ${workflowRunId} not found`);
  await updateStage(session, found.id, input);
}

/** The first stage in order (or turned around) of which this holds. */
export async function findStage(session: PrismaSession, where: Row, isLast = false): Promise<StageRecord | null> {
  const orderBy = isLast ? turnedAround : inOrder;
  const stage = await session.step((inner) => new Rows<StageRecord>(inner, stageModel).find(where, orderBy));
  return stage && toStage(stage);
}

/** Stages of a run in order. */
export function listStages(
  session: PrismaSession,
  workflowRunId: string,
  { status, orderBy = "asc" }: StageQuery = {},
): Promise<StageRecord[]> {
  const where = { workflowRunId, ...(status !== undefined && { status }) };
  return listWhere(session, where, orderBy === "asc" ? inOrder : turnedAround);
}

/** Suspended stages whose poll is due, the longest due first. */
export function listDuePolls(session: PrismaSession, before: Date): Promise<StageRecord[]> {
  return listWhere(session, { status: "SUSPENDED", nextPollAt: { lte: before } }, [{ nextPollAt: "asc" }, { id: "asc" }]);
}

export async function deleteStage(session: PrismaSession, id: string): Promise<void> {
  await session.step((inner) => new Rows<StageRecord>(inner, stageModel).delete({ id }));
}

async function listWhere(session: PrismaSession, where: Row, orderBy: Row[]): Promise<StageRecord[]> {
  const stages = await session.step((inner) => new Rows<StageRecord>(inner, stageModel).list({ where, orderBy }));
  return stages.map(toStage);
}

/** A stage's record: rows of the smallest schema, written by others, have neither version nor attempt. */
function toStage(stage: StageRecord): StageRecord {
  return { ...stage, version: stage.version ?? 0, attempt: stage.attempt ?? 0 };
}
