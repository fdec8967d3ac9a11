// A call of the older AICallLogger port as the ledger keeps it: over, its run read off its topic, its cost in dollars made whole.
import type { AICallInput, ClosedCall } from "../ports/ledger.ts";
import { originOfTopic } from "./call-topics.ts";
import { toKnownPico } from "./pico-dollars.ts";

/** A call of the older port as one that is over. */
export function closedCallOf(call: AICallInput): ClosedCall {
  const { inputTokens, outputTokens, cost, ...rest } = call;
  const usage = { inputTokens, outputTokens, costPico: toKnownPico(cost) };
  return { ...rest, ...originOfTopic(call.topic), attempt: null, executionId: null, price: null, usage };
}
