// Brings every part of a batch to the provider, once (P24): that its creation begins is kept before it does; what may have been created
// is looked for before it is created again; and nothing is created by an execution that has lost its stage.
import { WorkflowEngineError } from "../../errors.ts";
import { askProvider } from "./ask-provider.ts";
import type { BatchDesk, BatchPlace } from "./batch-desk.ts";
import { type BatchPart, type BatchRecord, isPending, saveRecord } from "./batch-record.ts";
import type { Chunk } from "./chunked-provider.ts";
import { submissionFailureOf } from "./submission-failure.ts";

/** How long a creation that nobody answered may take to show in the provider's list. */
const graceMs = 5_000;
/** The wait before a submission that failed is tried again: 5 s, doubled each time, 5 minutes at most. */
const retry = { initialMs: 5_000, longestMs: 5 * 60_000 };

/** How long to wait after so many failures in a row. Milliseconds. */
export function backoffOf(failures: number): number {
  return Math.min(retry.longestMs, retry.initialMs * 2 ** (failures - 1));
}

/** Submits what is pending; null when nothing is, else how many milliseconds to wait before the next look. */
export async function submitParts(
  desk: BatchDesk,
  place: BatchPlace,
  record: BatchRecord,
  chunks: () => Chunk[],
  options: { displayName?: string | undefined },
): Promise<number | null> {
  let built: Chunk[] | null = null;
  for (const [at, part] of record.parts.entries()) {
    if (!isPending(part)) continue;
    const lost = part.attemptedAt === null ? "absent" : await look(desk, place, record, part);
    if (lost === "found") continue;
    if (lost === "unknown") return retry.longestMs;
    if (lost === "too soon") return graceMs;
    const chunk = (built ??= chunks())[at] as Chunk;
    const waits = await create(desk, place, record, part, chunk, options.displayName);
    if (waits !== null) return waits;
  }
  return null;
}

async function look(
  { batches, environment, signal }: BatchDesk,
  place: BatchPlace,
  record: BatchRecord,
  part: BatchPart,
): Promise<"found" | "absent" | "unknown" | "too soon"> {
  const attemptedAt = part.attemptedAt ?? 0;
  const lost = { key: record.key, start: part.start, model: record.modelId, attemptedAt, count: part.count };
  const found = await askProvider(() => batches.find(lost, signal));
  if (found.state === "found") {
    place.log("INFO", `Found batch ${found.id} again, which an earlier execution submitted.`);
    part.id = found.id;
    record.failures = 0;
    await saveRecord(place, record);
    return "found";
  }
  if (found.state === "unknown") {
    place.log("INFO", `One of ${found.candidates} batches at ${batches.name} may be this one; they are told apart when they have ended.`);
    return "unknown";
  }
  return environment.now() < attemptedAt + graceMs ? "too soon" : "absent";
}

async function create(
  { batches, environment, modelId, signal }: BatchDesk,
  place: BatchPlace,
  record: BatchRecord,
  part: BatchPart,
  { requests }: Chunk,
  displayName = "workflow-engine",
): Promise<number | null> {
  part.attemptedAt = environment.now();
  await saveRecord(place, record);
  // nothing between this answer and the request: an execution that lost its stage while it slept stops here
  if (!(await place.isHeld())) {
    throw new WorkflowEngineError("EXECUTION_LOST", "This execution has lost its stage: another one submits its batch.");
  }
  try {
    const batch = { key: record.key, model: modelId, requests, displayName, completionWindow: "24h" as const, metadata: {} };
    part.id = (await batches.create(batch, signal)).id;
    record.failures = 0;
  } catch (error) {
    const { kind, message } = submissionFailureOf(error);
    if (kind !== "unclear") part.attemptedAt = null;
    if (kind === "refused") part.error = message.slice(0, 1_000);
    else record.failures += 1;
    await saveRecord(place, record);
    if (kind === "refused") return null;
    const waits = backoffOf(record.failures);
    place.log("WARN", `${batches.name} did not take the batch, which is tried again: ${message}`, { waitMs: waits });
    return waits;
  }
  await saveRecord(place, record);
  return null;
}
