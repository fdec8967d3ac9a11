// A stage suspends: when it is looked at first, how often, and until when (P10). Defaults: every 30 s, for 24 h.
import type { SuspendedStageResult } from "../../define/outcome.ts";
import { FatalError } from "../../errors.ts";
import type { JsonText } from "../../ports/store.ts";
import type { Outcome } from "../rules/settle.ts";
import { toJson } from "./payloads.ts";

const defaultPollIntervalMs = 30_000;
const defaultMaxWaitMs = 24 * 60 * 60_000;

/** The last instant a Date can hold; a wait without end ends there. */
const lastInstant = 8_640_000_000_000_000;

/** The outcome of a stage that waits for something outside. */
export function suspendedOutcome(result: SuspendedStageResult, metrics: JsonText, now: number): Outcome {
  const { state, pollConfig } = result;
  const pollIntervalMs = millisecondsOf(pollConfig?.pollInterval ?? state.pollInterval, defaultPollIntervalMs, "pollInterval");
  const maxWaitMs = millisecondsOf(pollConfig?.maxWaitTime ?? state.maxWaitTime, defaultMaxWaitMs, "maxWaitTime");
  const nextPollAt = millisecondsOf(pollConfig?.nextPollAt?.getTime(), now + pollIntervalMs, "nextPollAt");
  return {
    kind: "suspended",
    state: toJson(state, "Suspended state"),
    metrics,
    nextPollAt,
    pollIntervalMs,
    maxWaitUntil: Math.min(now + maxWaitMs, lastInstant),
  };
}

/** True for milliseconds that come about: a stage that waits for NaN would wait for ever. */
export function isDelay(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

function millisecondsOf(given: number | undefined, fallback: number, field: string): number {
  if (given === undefined || given === null) return fallback;
  if (isDelay(given)) return Math.min(given, lastInstant);
  throw new FatalError(`${field} must be a number of milliseconds, at least 0, got ${String(given)}`);
}
