// The AI SDK, loaded when the first model is called.
import { missingPackage } from "./load-package.ts";

/** Loads the AI SDK; MISSING_PACKAGE when it is not installed. */
export function loadSdk(): Promise<typeof import("ai")> {
  return import("ai").catch(missingPackage("ai"));
}
