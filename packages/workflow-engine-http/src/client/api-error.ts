// What a request came to when it did not succeed.

/** The API said no; `code` is stable, `status` the HTTP status. */
export class ApiError extends Error {
  readonly status: number;
  /** E.g. `RUN_NOT_FOUND`; `HTTP_<status>` when something on the way answered and not the API. */
  readonly code: string;
  /** What is wrong with the request, field by field. */
  readonly errors: ReadonlyArray<{ path: string; message: string }>;

  constructor(status: number, code: string, message: string, errors: ReadonlyArray<{ path: string; message: string }> = []) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

/** The run whose result was waited for did not complete. */
export class RunFailedError extends Error {
  readonly code = "RUN_FAILED";
  readonly workflowRunId: string;
  /** FAILED or CANCELLED. */
  readonly status: string;

  constructor(workflowRunId: string, status: string, error: string | null) {
    super(`Run ${workflowRunId} is ${status}${error === null ? "" : `: ${error}`}`);
    this.name = "RunFailedError";
    this.workflowRunId = workflowRunId;
    this.status = status;
  }
}

/** The error that a response tells of. */
export async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  try {
    const { code, detail, errors } = JSON.parse(text) as { code?: unknown; detail?: unknown; errors?: ApiError["errors"] };
    if (typeof code === "string" && typeof detail === "string") return new ApiError(response.status, code, detail, errors);
  } catch {
    // not from the API: a proxy's page
  }
  return new ApiError(response.status, `HTTP_${response.status}`, `The server answered ${response.status} ${response.statusText}`.trim());
}
