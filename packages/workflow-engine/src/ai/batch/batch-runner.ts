// A batch that outlives its execution (P24): the intent is kept before anything is submitted, every execution goes on from what is kept,
// and only an execution writes, under its lease. Whoever dies anywhere in between, the provider sees one batch and no paid result is lost.
import type { SuspendedStageResult } from "../../define/outcome.ts";
import { FatalError, WorkflowEngineError } from "../../errors.ts";
import { budgetExceeded } from "../budget-exceeded.ts";
import type { AIBatchRequest, AIBatchResult, BatchRunOptions } from "./ai-batch-types.ts";
import { askProvider, ProviderTrouble } from "./ask-provider.ts";
import { worstOf } from "./batch-costs.ts";
import type { BatchDesk, BatchPlace } from "./batch-desk.ts";
import type { BatchRequest, BatchResult, BatchStatus } from "./batch-provider.ts";
import {
  type BatchRecord,
  batchIdOf,
  isPending,
  loadNamed,
  loadRecord,
  loadResults,
  saveNamed,
  saveRecord,
  saveResults,
} from "./batch-record.ts";
import { judge, recordOnce } from "./batch-results.ts";
import { endOf, metadataOf, suspensionOf } from "./batch-state.ts";
import { assertNotEmpty, chunksOf, mergeStatus, orderResults } from "./chunked-provider.ts";
import { backoffOf, submitParts } from "./submit-parts.ts";
import { keyOf } from "./wire-id.ts";
import { hashOf, partsOfRecord, wireRequestsOf } from "./wire-requests.ts";

const defaultPollInterval = 60_000;
const hourMs = 60 * 60_000;
const mostShortReads = 3;
const defaultWaitMs = { openai: 26 * hourMs, anthropic: 26 * hourMs, google: 50 * hourMs };

/** One call of `run`. */
export class BatchRunner {
  readonly #desk: BatchDesk;
  readonly #place: BatchPlace;
  readonly #requests: readonly AIBatchRequest[];
  readonly #options: BatchRunOptions;

  constructor(desk: BatchDesk, place: BatchPlace, requests: readonly AIBatchRequest[], options: BatchRunOptions) {
    this.#desk = desk;
    this.#place = place;
    this.#requests = requests;
    this.#options = options;
  }

  async run(): Promise<SuspendedStageResult | { suspended: false; results: AIBatchResult[] }> {
    assertNotEmpty(this.#requests);
    const wire = wireRequestsOf(this.#desk, this.#requests);
    const record = await this.#begin(wire);
    if (record.harvestedAt === null) {
      const suspension = await this.#advance(record, wire);
      if (suspension) return suspension;
    }
    const results = await loadResults(this.#place, record.key);
    if (!results) throw new FatalError(`Batch ${batchIdOf(record)} has failed. Rerun the stage to submit it anew.`);
    return { suspended: false, results: await judge(results, record.ids, this.#byId()) };
  }

  /** Takes the batch as far as it goes now; null when its results are there. */
  async #advance(record: BatchRecord, wire: readonly BatchRequest[]): Promise<SuspendedStageResult | null> {
    try {
      await this.#open(record, wire);
      const waits = await this.#submit(record, wire);
      if (waits !== null) return this.#suspend(record, waits);
      const statuses = await this.#look(record);
      if (!statuses) return this.#suspend(record);
      await this.#harvest(record, statuses);
      return null;
    } catch (error) {
      if (!(error instanceof ProviderTrouble)) throw error;
      record.failures += 1;
      const waits = backoffOf(record.failures);
      this.#place.log("WARN", `${record.provider} did not answer and is asked again: ${error.message}`, { waitMs: waits });
      await saveRecord(this.#place, record);
      return this.#suspend(record, waits);
    }
  }

  /** The record to go on from: the state's, one that an execution of the same work left, or a new one. */
  async #begin(wire: readonly BatchRequest[]): Promise<BatchRecord> {
    const { name = "batch" } = this.#options;
    const place = this.#place;
    const key = metadataOf(place.resumeState)?.keys[name];
    const resumed = key === undefined ? null : await loadRecord(place, key);
    if (resumed) return resumed;
    const hash = hashOf(this.#desk, wire);
    const left = await loadNamed(place, name);
    if (left && this.#isSameWork(left, hash)) {
      place.log("INFO", `Going on with batch ${left.key}, whose intent an earlier execution has left.`);
      return left;
    }
    if (left && left.harvestedAt === null) await this.#giveUp(left);
    await this.#assertHeld();
    const record = this.#newRecord(name, hash, wire);
    await saveRecord(place, record);
    await saveNamed(place, record);
    return record;
  }

  /** A retry is the same work when it asks the same things; a rerun only when it asks them the same way. */
  #isSameWork(left: BatchRecord, hash: string): boolean {
    const { model, batches } = this.#desk;
    if (left.harvestedAt !== null || left.provider !== batches.name || left.modelKey !== model.key) return false;
    if (left.hash === hash) return true;
    const isBegun = left.parts.some(({ attemptedAt, id }) => attemptedAt !== null || id !== null);
    return this.#place.attempt > 1 && isBegun && left.ids.join("\n") === this.#requests.map(({ id }) => id).join("\n");
  }

  #newRecord(name: string, hash: string, wire: readonly BatchRequest[]): BatchRecord {
    const { environment, batches, model, modelId } = this.#desk;
    const now = environment.now();
    const key = keyOf(environment.newId());
    const chunks = chunksOf(batches, wire, key);
    return {
      ...{ key, name, provider: batches.name, modelKey: model.key, modelId, hash, ids: this.#requests.map(({ id }) => id) },
      ...{ createdAt: now, deadline: now + (this.#options.maxWaitTime ?? defaultWaitMs[batches.name]), cancelledAt: null },
      ...{ callId: environment.newId(), isOpened: false, failures: 0, shortReads: 0, harvestedAt: null },
      parts: chunks.map(({ requests }) => ({
        ...{ start: requests[0]?.index ?? 0, count: requests.length, attemptedAt: null, id: null, error: null },
      })),
    };
  }

  /** Opens the row that stands for the batch (P23), unless an earlier execution has. */
  async #open(record: BatchRecord, wire: readonly BatchRequest[]): Promise<void> {
    if (record.isOpened) return;
    const { ledger, logger, topic, model, modelId, origin, stageBudget, onRefused } = this.#desk;
    const own = logger.ledger && (await ledger.listCalls({ topicPrefix: topic, status: "open" }));
    if (!own?.some(({ id }) => id === record.callId)) {
      const refusal = await ledger.openCall({
        ...{ id: record.callId, topic, callType: "batch", modelKey: model.key, modelId, ...origin, stageBudget, price: null },
        prompt: `Batch ${record.key} of ${record.ids.length} requests`,
        worst: worstOf(this.#desk, wire),
        metadata: { batchKey: record.key, provider: record.provider },
      });
      if (refusal) {
        const error = budgetExceeded(refusal, model.key);
        onRefused?.(error);
        throw error;
      }
    }
    record.isOpened = true;
    await saveRecord(this.#place, record);
  }

  /** Null when every part is with the provider; else how many milliseconds to wait. */
  async #submit(record: BatchRecord, wire: readonly BatchRequest[]): Promise<number | null> {
    if (record.parts.some(isPending)) {
      const waits = await submitParts(this.#desk, this.#place, record, () => partsOfRecord(record, this.#desk, wire), this.#options);
      if (waits !== null) return waits;
    }
    if (record.parts.some(({ error }) => error === null)) return null;
    const errors = [...new Set(record.parts.map(({ error }) => error))].join("; ");
    await this.#closeUnbilled(record, errors);
    throw new FatalError(`${record.provider} refused batch ${record.key}: ${errors}`);
  }

  /** What the provider says of every part; null while one of them goes on. */
  async #look(record: BatchRecord): Promise<BatchStatus[] | null> {
    const { batches, environment, signal } = this.#desk;
    const ids = record.parts.flatMap(({ id }) => id ?? []);
    const statuses = await askProvider(() => Promise.all(ids.map((id) => batches.check(id, signal))));
    if (statuses.every(({ state }) => state !== "pending" && state !== "processing")) return statuses;
    if (record.cancelledAt === null && environment.now() >= record.deadline) {
      this.#place.log("WARN", `Batch ${batchIdOf(record)} is cancelled: its maxWaitTime is over. What it has done is kept.`);
      await askProvider(() => Promise.all(ids.map((id) => batches.cancel(id))));
      record.cancelledAt = environment.now();
      await saveRecord(this.#place, record);
    }
    return null;
  }

  /** Reads every result there is, keeps it, records it once, and only then says so. */
  async #harvest(record: BatchRecord, statuses: readonly BatchStatus[]): Promise<void> {
    const { batches, environment, signal } = this.#desk;
    const parts = record.parts.filter(({ id }) => id !== null);
    const read = await askProvider(() => Promise.all(parts.map(({ id }) => batches.read(id as string, signal))));
    this.#assertWhole(record, read, statuses);
    const results = withRefusals(record, orderResults(read.flat(), record.ids.length));
    const status = mergeStatus(statuses);
    if (status.state === "failed" && results.every(({ error, inputTokens }) => error !== undefined && inputTokens === 0)) {
      await this.#closeUnbilled(record, status.error ?? "it failed");
      throw new FatalError(`Batch ${batchIdOf(record)} failed at ${record.provider}: ${status.error ?? "no reason was given"}`);
    }
    await this.#assertHeld();
    await saveResults(this.#place, record.key, results);
    const judged = await judge(results, record.ids, this.#byId());
    const waited = metadataOf(this.#place.resumeState);
    const origin = waited ? { ...this.#desk.origin, executionId: waited.executionId, attempt: waited.attempt } : this.#desk.origin;
    const isWhole = statuses.every(({ state, isExpired }) => state === "completed" && !isExpired);
    await recordOnce(this.#desk, batchIdOf(record), judged, { requests: this.#byId(), isWhole, origin, stoodForBy: record.callId });
    record.harvestedAt = environment.now();
    await saveRecord(this.#place, record);
  }

  /** A reading that was cut off is read again, a few times: what was paid for is not given up for a bad connection. */
  #assertWhole(record: BatchRecord, read: ReadonlyArray<readonly unknown[]>, statuses: readonly BatchStatus[]): void {
    const [got, told] = [read.flat().length, statuses.reduce((sum, { processedCount }) => sum + processedCount, 0)];
    if (got >= told || record.shortReads >= mostShortReads) return;
    record.shortReads += 1;
    throw new ProviderTrouble(`it gave ${got} of ${told} results`);
  }

  #suspend(record: BatchRecord, nextPollMs?: number): SuspendedStageResult {
    if (this.#desk.environment.now() >= endOf(record)) {
      throw new FatalError(`Batch ${batchIdOf(record)} has not ended within its maxWaitTime, nor when it was cancelled.`);
    }
    const { executionId, attempt, resumeState } = this.#place;
    const keys = { ...metadataOf(resumeState)?.keys, [record.name]: record.key };
    const pollInterval = this.#options.pollInterval ?? defaultPollInterval;
    return suspensionOf(record, { keys, executionId, attempt }, this.#desk.environment.now(), { pollInterval, nextPollMs });
  }

  /** Nobody will ask for its results: it is stopped as far as it can be, and its row stays open, since some of it may be billed. */
  async #giveUp(record: BatchRecord): Promise<void> {
    const ids = record.parts.flatMap(({ id }) => id ?? []);
    if (ids.length === 0) return;
    this.#place.log("WARN", `Batch ${batchIdOf(record)} is cancelled: its stage now asks for something else.`);
    if (record.provider === this.#desk.batches.name) await Promise.allSettled(ids.map((id) => this.#desk.batches.cancel(id)));
  }

  /** Nothing was done, so nothing is billed; the record is closed, and a rerun begins a new one. */
  async #closeUnbilled(record: BatchRecord, error: string): Promise<void> {
    const usage = { inputTokens: 0, outputTokens: 0, costPico: 0n };
    const latencyMs = this.#desk.environment.now() - record.createdAt;
    await this.#desk.ledger.closeCall(record.callId, { status: "failed", response: "", usage, latencyMs, error: error.slice(0, 2_000) });
    await saveRecord(this.#place, { ...record, harvestedAt: this.#desk.environment.now() });
  }

  async #assertHeld(): Promise<void> {
    if (await this.#place.isHeld()) return;
    throw new WorkflowEngineError("EXECUTION_LOST", "This execution has lost its stage: another one sees to its batch.");
  }

  #byId(): Map<string, AIBatchRequest> {
    return new Map(this.#requests.map((request) => [request.id, request]));
  }
}

/** Requests of parts that the provider refused. */
function withRefusals(record: BatchRecord, results: BatchResult[]): BatchResult[] {
  return results.map((result) => {
    const part = record.parts.find(({ start, count }) => result.index >= start && result.index < start + count);
    return part?.error ? { ...result, error: part.error } : result;
  });
}
