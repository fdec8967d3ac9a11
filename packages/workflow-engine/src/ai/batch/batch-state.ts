// What a stage that waits for a batch leaves in its row: enough to look at the batch, nothing secret; and what a look at it answers.
// A look only reads: whatever has to be written is done by the execution that follows it, under its lease.
import type { CompletionResult, SuspendedStageResult, SuspendedState } from "../../define/outcome.ts";
import { FatalError } from "../../errors.ts";
import type { BatchProviderName } from "../../models/batch-models.ts";
import { type BatchPart, type BatchRecord, batchIdOf, isPending } from "./batch-record.ts";
import type { ProviderBatches } from "./provider-batches.ts";

/** The batch a stage waits for. */
export interface WaitedBatch {
  key: string;
  name: string;
  provider: BatchProviderName;
  modelKey: string;
  modelId: string;
  deadline: number;
  cancelledAt: number | null;
  parts: BatchPart[];
}

/** What is kept in the `metadata` of a state. */
export interface BatchMetadata {
  batch: WaitedBatch;
  /** Keys of all batches of the stage so far, by name. */
  keys: Record<string, string>;
  /** The execution that began to wait: what the results are charged to. */
  executionId: string;
  attempt: number;
}

/** How long after its cancellation a batch may take to end. */
const cancellationMs = 60 * 60_000;

/** When nothing is waited for any more, in milliseconds. */
export function endOf({ deadline, cancelledAt }: Pick<WaitedBatch, "deadline" | "cancelledAt">): number {
  return (cancelledAt ?? deadline) + cancellationMs;
}

/** The suspension of a stage that waits for a batch. */
export function suspensionOf(
  record: BatchRecord,
  meta: Omit<BatchMetadata, "batch">,
  now: number,
  wait: { pollInterval: number; nextPollMs?: number | undefined },
): SuspendedStageResult {
  const { key, name, provider, modelKey, modelId, deadline, cancelledAt, parts } = record;
  const metadata: BatchMetadata = { batch: { key, name, provider, modelKey, modelId, deadline, cancelledAt, parts }, ...meta };
  // longer than there is time: the last look leads to an execution, which says how the batch ended
  const maxWaitTime = Math.max(0, endOf(record) - now) + 2 * wait.pollInterval;
  return {
    suspended: true,
    state: { batchId: batchIdOf(record), submittedAt: new Date(record.createdAt), metadata: { ...metadata } },
    pollConfig: {
      pollInterval: wait.pollInterval,
      maxWaitTime,
      ...(wait.nextPollMs !== undefined && { nextPollAt: new Date(now + wait.nextPollMs) }),
    },
  };
}

/** The batch that a state speaks of; null for a state that `run` has not left. */
export function metadataOf(state: SuspendedState | undefined): BatchMetadata | null {
  const metadata = state?.metadata as Partial<BatchMetadata> | undefined;
  return metadata?.batch?.key && metadata.keys ? (metadata as BatchMetadata) : null;
}

/** The batch that a state speaks of; throws for any other state. */
export function requireWaited(state: SuspendedState): WaitedBatch {
  const found = metadataOf(state);
  if (found) return found.batch;
  throw new FatalError("This state was not left by ai.batch(...).run(...). Write a checkCompletion that knows it.");
}

/** Looks at the batch a stage waits for; ready without output, so that `execute` is called again. Throws what the provider throws. */
export async function checkBatch(
  batches: ProviderBatches,
  batch: WaitedBatch,
  now: number,
  signal: AbortSignal | undefined,
): Promise<CompletionResult<never>> {
  const { parts, key, modelId, deadline, cancelledAt } = batch;
  if (now >= endOf(batch)) return { ready: true };
  for (const part of parts.filter(isPending)) {
    if (part.attemptedAt === null) return { ready: true };
    const found = await batches.find({ key, start: part.start, model: modelId, attemptedAt: part.attemptedAt, count: part.count }, signal);
    if (found.state === "unknown") return { ready: false };
  }
  if (parts.some(isPending) || (now >= deadline && cancelledAt === null)) return { ready: true };
  const ids = parts.flatMap(({ id }) => id ?? []);
  const looks = await Promise.all(ids.map((id) => batches.check(id, signal)));
  return { ready: looks.every(({ state }) => state !== "pending" && state !== "processing") };
}
