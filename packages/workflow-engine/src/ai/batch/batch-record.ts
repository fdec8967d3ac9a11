// The intent of a batch, kept in the run's storage before anything is submitted (P24): what it is, how it is split, and for each part
// whether its creation was begun and what the provider called it. A later execution goes on from here, never from the start.
import type { BatchProviderName } from "../../models/batch-models.ts";
import type { BatchPlace } from "./batch-desk.ts";
import type { BatchResult } from "./batch-provider.ts";

/** One of the provider's batches. */
export interface BatchPart {
  /** Position of its first request. */
  start: number;
  count: number;
  /** When its creation was last begun, in milliseconds; null when it certainly does not exist. */
  attemptedAt: number | null;
  /** What the provider calls it. */
  id: string | null;
  /** Why the provider will never take it. */
  error: string | null;
}

/** A batch from its intent to its results. */
export interface BatchRecord {
  key: string;
  name: string;
  provider: BatchProviderName;
  modelKey: string;
  modelId: string;
  /** Digest of every request. */
  hash: string;
  /** Of the requests, in their order. */
  ids: string[];
  createdAt: number;
  /** When it is cancelled, in milliseconds. */
  deadline: number;
  cancelledAt: number | null;
  /** The row that stands for it in the ledger. */
  callId: string;
  isOpened: boolean;
  /** Submissions in a row that the provider could not take. */
  failures: number;
  /** Readings that brought fewer results than the provider counts. */
  shortReads: number;
  parts: BatchPart[];
  harvestedAt: number | null;
}

/** True for a part of which nobody knows yet what became of it. */
export function isPending({ id, error }: BatchPart): boolean {
  return id === null && error === null;
}

/** The id under which the results of a batch are recorded. */
export function batchIdOf({ parts, key }: Pick<BatchRecord, "parts" | "key">): string {
  return parts.flatMap(({ id }) => id ?? []).join(",") || key;
}

function pathOf({ storage, stageId }: BatchPlace, file: string): string {
  return storage.getStageKey(stageId, `batches/${file}.json`);
}

async function read<T>({ storage }: BatchPlace, path: string): Promise<T | null> {
  return (await storage.exists(path)) ? storage.load<T>(path) : null;
}

/** The record of a key. */
export function loadRecord(place: BatchPlace, key: string): Promise<BatchRecord | null> {
  return read(place, pathOf(place, key));
}

/** Keeps a record as it is now. */
export function saveRecord(place: BatchPlace, record: BatchRecord): Promise<void> {
  return place.storage.save(pathOf(place, record.key), record);
}

/** The record last begun under a name, by whichever execution. */
export async function loadNamed(place: BatchPlace, name: string): Promise<BatchRecord | null> {
  const named = await read<{ key: string }>(place, pathOf(place, `named-${name}`));
  return named && loadRecord(place, named.key);
}

/** Makes a record the one that its name means. */
export function saveNamed(place: BatchPlace, { name, key }: BatchRecord): Promise<void> {
  return place.storage.save(pathOf(place, `named-${name}`), { key });
}

/** The results of a harvested batch. */
export function loadResults(place: BatchPlace, key: string): Promise<BatchResult[] | null> {
  return read(place, pathOf(place, `${key}.results`));
}

/** Keeps the results of a batch, before anybody is told that there are any. */
export function saveResults(place: BatchPlace, key: string, results: readonly BatchResult[]): Promise<void> {
  return place.storage.save(pathOf(place, `${key}.results`), results);
}
