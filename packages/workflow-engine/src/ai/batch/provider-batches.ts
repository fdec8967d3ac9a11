// What each provider does its own way: one batch as the provider knows it, found again by what we gave it. Everything that is the same
// for all of them (splitting, ids, one result a request) is written once above it, in chunked-provider.ts.
import type { BatchProviderName } from "../../models/batch-models.ts";
import type { BatchRequest, BatchStatus } from "./batch-provider.ts";

/** A request in the provider's form, as JSON text. */
export interface WireRequest {
  index: number;
  json: string;
}

/** What a provider batch is to be created with. */
export interface NewBatch {
  /** Names the whole batch; `find` looks for it and for the first index. At most 32 characters of [0-9a-z]. */
  key: string;
  model: string;
  requests: readonly WireRequest[];
  displayName: string;
  completionWindow: "24h";
  metadata: Record<string, string>;
}

/** A batch that may have been created by somebody who died before it could say so. */
export interface LostBatch {
  key: string;
  /** Position of its first request. */
  start: number;
  model: string;
  /** When its creation was begun, in milliseconds. */
  attemptedAt: number;
  /** How many requests it has. */
  count: number;
}

/** Whether a lost batch exists. `unknown`: it cannot be said yet, so nothing may be submitted again. */
export type FoundBatch = { state: "found"; id: string } | { state: "absent" } | { state: "unknown"; candidates: number };

/** A result as the provider gave it. */
export interface WireResult {
  wireId: string;
  text: string;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens?: number | undefined;
  reasoningTokens?: number | undefined;
  error?: string | undefined;
}

/** What a provider batch is labelled with: the key of the whole batch, and where this part of it begins. */
export function labelOf(key: string, start: number): string {
  return `${key}-${start}`;
}

/** One provider's batch API. */
export interface ProviderBatches {
  readonly name: BatchProviderName;
  /** What one provider batch holds at most. */
  readonly limits: { requests: number; bytes: number };
  /** The request in the provider's form; `wireId` comes back with its result. */
  toWire(request: BatchRequest, wireId: string): unknown;
  /** Creates a batch, without retries: what may have been created must be looked for before it is tried again. */
  create(batch: NewBatch, signal?: AbortSignal): Promise<{ id: string; createdAt: Date }>;
  find(lost: LostBatch, signal?: AbortSignal): Promise<FoundBatch>;
  check(id: string, signal?: AbortSignal): Promise<BatchStatus>;
  /** Every result there is, of an ended batch, partial ones included. */
  read(id: string, signal?: AbortSignal): Promise<WireResult[]>;
  cancel(id: string): Promise<void>;
}
