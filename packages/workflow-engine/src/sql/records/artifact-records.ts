// Artifacts of the CRUD port; (run, key) is unique.
import type { ArtifactRecord, SaveArtifactInput } from "../../ports/log.ts";
import type { ArtifactType } from "../../ports/status.ts";
import type { Row } from "../db.ts";
import { forOne } from "../dialect.ts";
import { saveArtifacts } from "../tables/history.ts";
import { byteLength, fromText, toText } from "./json-text.ts";
import { getStageRecordId } from "./stage-records.ts";
import type { Step } from "./steps.ts";

const listOfRun = forOne("list_artifacts_of_run", { run_id: "text" }, (p) => {
  return `SELECT id, created_at, updated_at, run_id, stage_record_id, key, type, data, size, metadata FROM artifacts
    WHERE run_id = ${p.run_id} ORDER BY created_at, id`;
});
const getData = forOne("get_artifact_data", { run_id: "text", key: "text" }, (p) => {
  return `SELECT data, stage_record_id FROM artifacts WHERE run_id = ${p.run_id} AND key = ${p.key}`;
});
const findKey = forOne("find_artifact", { run_id: "text", key: "text" }, (p) => {
  return `SELECT 1 FROM artifacts WHERE run_id = ${p.run_id} AND key = ${p.key}`;
});
const deleteOne = forOne("delete_artifact", { run_id: "text", key: "text" }, (p) => {
  return `DELETE FROM artifacts WHERE run_id = ${p.run_id} AND key = ${p.key}`;
});

/** Saves an artifact, in place of one of the same key. */
export async function saveArtifact({ session, now, newId }: Step, input: SaveArtifactInput): Promise<void> {
  const { workflowRunId, workflowStageId = null, key, type } = input;
  const data = toText(input.data) ?? "null";
  const rest = [type, data, input.size ?? byteLength(data), toText(input.metadata), now, now];
  await session.write(saveArtifacts, [[workflowRunId, key, newId(), workflowStageId, ...rest]]);
}

/** Saves a stage's output as an artifact and answers its key. */
export async function saveStageOutput(step: Step, runId: string, type: string, stageId: string, output: unknown): Promise<string> {
  const key = `workflow-v2/${type}/${runId}/${stageId}/output.json`;
  const workflowStageId = (await getStageRecordId(step, runId, stageId)) ?? undefined;
  await saveArtifact(step, { workflowRunId: runId, workflowStageId, key, type: "STAGE_OUTPUT", data: output });
  return key;
}

/** An artifact's data; null when there is none. */
export async function loadArtifact({ session }: Step, runId: string, key: string): Promise<unknown> {
  const [row] = await session.read(getData, [[runId, key]]);
  return row ? fromText(row[0] as string) : null;
}

/** True when there is an artifact of this key. */
export async function hasArtifact({ session }: Step, runId: string, key: string): Promise<boolean> {
  return (await session.read(findKey, [[runId, key]])).length > 0;
}

/** Deletes an artifact; one that is not there is no error. */
export async function deleteArtifact({ session }: Step, runId: string, key: string): Promise<void> {
  await session.write(deleteOne, [[runId, key]]);
}

/** Artifacts of a run, oldest first. */
export async function listArtifacts({ session }: Step, runId: string): Promise<ArtifactRecord[]> {
  return (await session.read(listOfRun, [[runId]])).map(toArtifactRecord);
}

/** The record id of the stage that an artifact belongs to; null for none. */
export async function getStageIdForArtifact({ session }: Step, runId: string, key: string): Promise<string | null> {
  const [row] = await session.read(getData, [[runId, key]]);
  return row ? (row[1] as string | null) : null;
}

function toArtifactRecord(row: Row): ArtifactRecord {
  return {
    id: row[0] as string,
    createdAt: new Date(row[1] as number),
    updatedAt: new Date(row[2] as number),
    workflowRunId: row[3] as string,
    workflowStageId: row[4] as string | null,
    key: row[5] as string,
    type: row[6] as ArtifactType,
    data: fromText(row[7] as string),
    size: row[8] as number,
    metadata: fromText<Record<string, unknown>>(row[9] as string | null),
  };
}
