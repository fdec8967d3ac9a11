// Optional peers, loaded when first used; one that is not installed is an error that names it.
import { WorkflowEngineError } from "../errors.ts";

/** Loads a package by the import its caller wrote; MISSING_PACKAGE names what to install. */
export async function loadPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error, name)) throw error;
    throw new WorkflowEngineError("MISSING_PACKAGE", `The package "${name}" is not installed. Install it: npm install ${name}`, {
      cause: error,
    });
  }
}

/** True when it is this package that was not found, not something inside it. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = (typeof error === "object" && error !== null ? error : {}) as { code?: unknown; message?: unknown };
  const isNotFound =
    code === "ERR_MODULE_NOT_FOUND" ||
    code === "MODULE_NOT_FOUND" ||
    /cannot find (module|package)|failed to resolve/i.test(String(message));
  return isNotFound && String(message).includes(name);
}
