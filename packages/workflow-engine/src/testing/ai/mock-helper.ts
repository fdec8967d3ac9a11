// An AI helper for tests of code that takes one: answers from a script, and every call on a logger of its own.
import { createAIHelper } from "../../ai/helper.ts";
import type { AIHelper } from "../../ai/helper-types.ts";
import { InMemoryAICallLogger } from "../../memory/memory-ai-call-logger.ts";
import type { Environment } from "../../ports/environment.ts";
import { createMockProvider, type MockProvider, type MockScript } from "./mock-provider.ts";

/** A helper, what it was asked, and what it logged. */
export interface MockAIHelper {
  readonly ai: AIHelper;
  readonly logger: InMemoryAICallLogger;
  readonly provider: MockProvider;
}

/** Creates a helper that answers from a script. Latencies and retries pass in `environment`. */
export function createMockAIHelper(script?: MockScript, options: { topic?: string; environment?: Environment } = {}): MockAIHelper {
  const { topic = "test", environment } = options;
  const provider = createMockProvider(script, environment);
  const logger = new InMemoryAICallLogger({ environment });
  const ai = createAIHelper(topic, logger, undefined, provider.resolver, { environment });
  return { ai, logger, provider };
}
