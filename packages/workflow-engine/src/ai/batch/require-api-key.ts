// The keys of batch providers: given, or from the environment.
import { WorkflowEngineError } from "../../errors.ts";

/** The key of a provider: given, or from the environment; throws NOT_CONFIGURED naming the variable. */
export function requireApiKey(given: string | undefined, provider: string, variable: string): string {
  const world = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const key = given ?? world.process?.env?.[variable];
  if (key) return key;
  throw new WorkflowEngineError("NOT_CONFIGURED", `${provider} batches need an API key. Pass apiKey, or set ${variable}.`);
}
