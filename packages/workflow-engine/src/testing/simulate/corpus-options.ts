// How an entry of the corpus is simulated.
import { createMockProvider } from "../ai/mock-provider.ts";
import type { CorpusEntry } from "./corpus-entry.ts";
import type { SimulateOptions } from "./simulate.ts";

/** The options that simulate an entry. */
export function simulationOf({ script, invariants }: CorpusEntry, options: SimulateOptions<undefined>): SimulateOptions<undefined> {
  const { resolver } = createMockProvider(({ prompt }) => ({ text: `answer to ${prompt}`, inputTokens: 7, outputTokens: 11 }));
  return { script, invariants, providerResolver: resolver, ...options } as SimulateOptions<undefined>;
}
