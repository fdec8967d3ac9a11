// A stage suspends: when it is looked at first, how often, and until when (P10). Defaults: every 30 s, for 24 h.
import type { SuspendedStageResult } from "../../define/outcome.ts";
import type { JsonText } from "../../ports/store.ts";
import type { Outcome } from "../rules/settle.ts";
import { toJson } from "./payloads.ts";

const defaultPollIntervalMs = 30_000;
const defaultMaxWaitMs = 24 * 60 * 60_000;

/** The outcome of a stage that waits for something outside. */
export function suspendedOutcome(result: SuspendedStageResult, metrics: JsonText, now: number): Outcome {
  const { state, pollConfig } = result;
  const pollIntervalMs = pollConfig?.pollInterval ?? state.pollInterval ?? defaultPollIntervalMs;
  const maxWaitMs = pollConfig?.maxWaitTime ?? state.maxWaitTime ?? defaultMaxWaitMs;
  return {
    kind: "suspended",
    state: toJson(state, "Suspended state"),
    metrics,
    nextPollAt: pollConfig?.nextPollAt?.getTime() ?? now + pollIntervalMs,
    pollIntervalMs,
    maxWaitUntil: now + maxWaitMs,
  };
}
