// Optional peers, loaded when first used; one that is not installed is an error that names it. Each `import()` keeps its `.catch` right
// behind it: that is how bundlers know that it may fail, and leave out what is not there.
import { WorkflowEngineError } from "../errors.ts";

/** Turns the failure of loading a package into MISSING_PACKAGE, when it is this package that was not found, not something inside it. */
export function missingPackage(name: string): (error: unknown) => never {
  return (error) => {
    const { code, message } = (typeof error === "object" && error !== null ? error : {}) as { code?: unknown; message?: unknown };
    const isNotFound = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND" || notFound.test(String(message));
    if (!isNotFound || !String(message).includes(name)) throw error;
    throw new WorkflowEngineError("MISSING_PACKAGE", `The package "${name}" is not installed. Install it: npm install ${name}`, {
      cause: error,
    });
  };
}

const notFound = /cannot find (module|package)|failed to resolve|could not resolve|dynamic require/i;
