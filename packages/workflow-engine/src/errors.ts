// Every error a caller can meet, each with a stable `code`: identity survives a duplicated package and a trip through the
// database, where `instanceof` does not. Imports nothing.

/** Stable identity of an error; compare this, never the class or the message. */
export type ErrorCode =
  | "WORKFLOW_NOT_FOUND"
  | "STAGE_NOT_FOUND"
  | "RUN_NOT_FOUND"
  | "INVALID_DEFINITION"
  | "INVALID_INPUT"
  | "INVALID_CONFIG"
  | "INVALID_COMMAND"
  | "INVALID_STAGE_ID"
  | "STAGE_INPUT_INVALID"
  | "STAGE_OUTPUT_INVALID"
  | "MISSING_STAGE_OUTPUT"
  | "PAYLOAD_TOO_LARGE"
  | "PAYLOAD_NOT_JSON"
  | "CREDENTIAL_IN_STATE"
  | "RUN_STATE"
  | "UNKNOWN_COMMAND"
  | "IDEMPOTENCY_IN_PROGRESS"
  | "IDEMPOTENCY_CONFLICT"
  | "STALE_VERSION"
  | "BLOB_NOT_FOUND"
  | "MODEL_NOT_FOUND"
  | "PRICE_UNKNOWN"
  | "BUDGET_EXCEEDED"
  | "AI_CALL_FAILED"
  | "AI_ANSWER_INVALID"
  | "MISSING_PACKAGE"
  | "STORE_REFUSED"
  | "STORE_CLOSED"
  | "EXECUTION_LOST"
  | "EXECUTION_DIED"
  | "STAGE_TIMEOUT"
  | "MAX_WAIT_EXCEEDED"
  | "NOT_CONFIGURED"
  | "FATAL"
  | "RETRYABLE";

/** Base of every error the engine throws. */
export class WorkflowEngineError extends Error {
  /** Stable identity, e.g. `RUN_NOT_FOUND`. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Thrown by a stage to fail at once: it is never retried, whatever attempts are left. */
export class FatalError extends WorkflowEngineError {
  constructor(message: string, options?: ErrorOptions) {
    super("FATAL", message, options);
  }
}

/** Thrown by a stage that wants another attempt, and may say when. */
export class RetryableError extends WorkflowEngineError {
  /** Milliseconds until the next attempt; the stage's backoff when absent. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options?: ErrorOptions & { retryAfterMs?: number | undefined }) {
    super("RETRYABLE", message, options);
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** A command with the same idempotency key is still executing elsewhere; try again later. */
export class IdempotencyInProgressError extends WorkflowEngineError {
  readonly key: string;
  readonly commandType: string;

  constructor(key: string, commandType: string) {
    super("IDEMPOTENCY_IN_PROGRESS", `Command "${commandType}" with idempotency key "${key}" is already in progress`);
    this.key = key;
    this.commandType = commandType;
  }
}

/** The idempotency key was used before with another payload: use a new key for a new intent. */
export class IdempotencyConflictError extends WorkflowEngineError {
  readonly key: string;
  readonly commandType: string;

  constructor(key: string, commandType: string) {
    super(
      "IDEMPOTENCY_CONFLICT",
      `Idempotency key "${key}" was already used for command "${commandType}" with a different payload. Use a new key for a new intent.`,
    );
    this.key = key;
    this.commandType = commandType;
  }
}

/** A row changed between reading and writing it. */
export class StaleVersionError extends WorkflowEngineError {
  readonly entity: string;
  readonly id: string;
  readonly expected: number;
  readonly actual: number;

  constructor(entity: string, id: string, expected: number, actual: number) {
    super("STALE_VERSION", `Stale version on ${entity} ${id}: expected ${expected}, got ${actual}`);
    this.entity = entity;
    this.id = id;
    this.expected = expected;
    this.actual = actual;
  }
}

/** The `code` of anything thrown; undefined for errors that carry none, and for what cannot be looked at. */
export function errorCodeOf(error: unknown): string | undefined {
  try {
    const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
    return typeof code === "string" ? code : undefined;
  } catch {
    return undefined;
  }
}
