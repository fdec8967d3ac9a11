// Assertions of the conformance suites: plain functions that throw, so that a suite runs under any runner, or none, in any
// runtime. A failed claim says where two values differ, by path.

/** Thrown by a claim that does not hold. */
export class ClaimError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ClaimError";
  }
}

/** What a rejection must look like. */
export interface ExpectedError {
  /** The error's `code`. */
  code?: string;
  /** Its class name. */
  name?: string;
  /** A part of its message, or a pattern it matches. */
  message?: string | RegExp;
}

/** Throws with `message`. */
export function fail(message: string): never {
  throw new ClaimError(message);
}

/** Claims that something is so. */
export function expectTrue(isSo: boolean, claim: string): asserts isSo {
  if (!isSo) fail(`not so: ${claim}`);
}

/** Claims that two values are the same, deeply; a key that is undefined and one that is absent are the same. */
export function expectEqual(actual: unknown, expected: unknown, claim = "value"): void {
  const found = differenceOf(actual, expected, "", false);
  if (found) fail(`${claim}: ${found}`);
}

/** Claims that `actual` has at least what `expected` has, deeply; arrays must be equally long. */
export function expectMatch(actual: unknown, expected: unknown, claim = "value"): void {
  const found = differenceOf(actual, expected, "", true);
  if (found) fail(`${claim}: ${found}`);
}

/** Claims that a text or a list holds a part. */
export function expectIncludes(whole: string | readonly unknown[] | null | undefined, part: unknown, claim = "value"): void {
  const isIn =
    typeof whole === "string" ? whole.includes(String(part)) : (whole ?? []).some((item) => differenceOf(item, part, "", true) === null);
  if (!isIn) fail(`${claim}: ${show(whole)} does not hold ${show(part)}`);
}

/** Claims that a number lies between two others, both included. */
export function expectBetween(actual: number, least: number, most: number, claim = "number"): void {
  if (!(actual >= least && actual <= most)) fail(`${claim}: ${actual} is not between ${least} and ${most}`);
}

/** Claims that a value is there, and answers it. */
export function expectPresent<T>(value: T | null | undefined, claim = "value"): T {
  if (value === null || value === undefined) fail(`${claim} is ${String(value)}`);
  return value;
}

/** Claims that a promise rejects as described, and answers the error. */
export async function expectRejects(promise: Promise<unknown>, expected: ExpectedError = {}): Promise<Error> {
  const outcome = await promise.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!("error" in outcome)) fail(`expected a rejection${describe(expected)}, got ${show(outcome.value)}`);
  const error = outcome.error as Error & { code?: unknown };
  const isNamed = expected.name === undefined || error.name === expected.name;
  const isCoded = expected.code === undefined || error.code === expected.code;
  if (!isNamed || !isCoded || !isSaid(error.message, expected.message)) {
    fail(`expected a rejection${describe(expected)}, got ${error.name} ${String(error.code)}: ${error.message}`);
  }
  return error;
}

function isSaid(message: string, expected: string | RegExp | undefined): boolean {
  if (expected === undefined) return true;
  return typeof expected === "string" ? message.includes(expected) : expected.test(message);
}

function describe({ code, name, message }: ExpectedError): string {
  const parts = [code && `code ${code}`, name && `name ${name}`, message && `message ${String(message)}`].filter(Boolean);
  return parts.length > 0 ? ` with ${parts.join(", ")}` : "";
}

type Fields = Record<string, unknown>;

/** Where two values differ first; null when nowhere. */
function differenceOf(actual: unknown, expected: unknown, path: string, isPart: boolean): string | null {
  if (Object.is(actual, expected)) return null;
  if (actual instanceof Set && expected instanceof Set) return differenceOf([...actual].sort(), [...expected].sort(), path, isPart);
  const here = `${path || "it"} is ${show(actual)}, expected ${show(expected)}`;
  if (actual instanceof Date || expected instanceof Date) {
    const isSame = actual instanceof Date && expected instanceof Date && actual.getTime() === expected.getTime();
    return isSame ? null : here;
  }
  if (!isObject(actual) || !isObject(expected) || Array.isArray(actual) !== Array.isArray(expected)) return here;
  if (Array.isArray(actual) && actual.length !== (expected as unknown as unknown[]).length) return here;
  const keys = isPart ? Object.keys(expected) : [...new Set([...Object.keys(actual), ...Object.keys(expected)])];
  for (const key of keys) {
    const found = differenceOf(actual[key], expected[key], path ? `${path}.${key}` : key, isPart);
    if (found) return found;
  }
  return null;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

/** A value as text, cut to what fits a line or two. */
function show(value: unknown): string {
  if (value === undefined) return "undefined";
  if (typeof value === "function") return "a function";
  let text: string;
  try {
    text = value instanceof Error ? `${value.name}: ${value.message}` : (JSON.stringify(value) ?? String(value));
  } catch {
    text = String(value);
  }
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
