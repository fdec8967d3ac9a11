// Log lines and artifacts of the CRUD port on a Prisma client; (run, key) of an artifact is unique.
import type { ArtifactRecord, CreateLogInput, LogRecord, SaveArtifactInput } from "../ports/log.ts";
import { byteLength } from "../store/json-text.ts";
import type { Row } from "./client.ts";
import { artifactModel, logModel } from "./models.ts";
import { Rows } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

/** Appends a log line. */
export function createLog(session: PrismaSession, input: CreateLogInput): Promise<LogRecord> {
  const { workflowRunId = null, workflowStageId = null, level, message, metadata = null } = input;
  const record = { id: session.newId(), createdAt: session.now(), workflowRunId, workflowStageId, level, message, metadata };
  return session.step((inner) => new Rows<LogRecord>(inner, logModel).create(record));
}

/** Saves an artifact, in place of one of the same key. */
export function saveArtifact(session: PrismaSession, input: SaveArtifactInput): Promise<void> {
  const { workflowRunId, key, workflowStageId = null, type, data = null, metadata = null } = input;
  const fields = { workflowStageId, type, data, metadata, size: input.size ?? byteLength(JSON.stringify(data) ?? "null") };
  return session.atomically(async (inner) => {
    const rows = new Rows<ArtifactRecord>(inner, artifactModel);
    const now = inner.now();
    const old = await rows.find({ workflowRunId, key });
    if (old) await rows.change(old, { ...fields, updatedAt: now });
    else
      await rows.create({
        id: inner.newId(),
        workflowRunId,
        key,
        createdAt: now,
        ...(rows.codec.hasColumn("updatedAt") && { updatedAt: now }),
        ...fields,
      });
  });
}

/** The artifact of a key; null when there is none. */
export async function findArtifact(session: PrismaSession, workflowRunId: string, key: string): Promise<ArtifactRecord | null> {
  const artifact = await session.step((inner) => new Rows<ArtifactRecord>(inner, artifactModel).find({ workflowRunId, key }));
  return artifact && toArtifact(artifact);
}

/** True when there is one; its data is not read. */
export async function hasArtifact(session: PrismaSession, workflowRunId: string, key: string): Promise<boolean> {
  const found = await session.step((inner) => inner.of(artifactModel).findMany({ where: { workflowRunId, key }, select: { id: true } }));
  return found.length > 0;
}

export async function deleteArtifact(session: PrismaSession, workflowRunId: string, key: string): Promise<void> {
  await session.step((inner) => new Rows<ArtifactRecord>(inner, artifactModel).delete({ workflowRunId, key }));
}

/** Artifacts of a run by age. */
export async function listArtifacts(session: PrismaSession, workflowRunId: string): Promise<ArtifactRecord[]> {
  const orderBy: Row[] = [{ createdAt: "asc" }, { id: "asc" }];
  const artifacts = await session.step((inner) =>
    new Rows<ArtifactRecord>(inner, artifactModel).list({ where: { workflowRunId }, orderBy }),
  );
  return artifacts.map(toArtifact);
}

/** One that was never replaced needs no time of its own for that. */
function toArtifact(artifact: ArtifactRecord): ArtifactRecord {
  return { ...artifact, updatedAt: artifact.updatedAt ?? artifact.createdAt };
}
