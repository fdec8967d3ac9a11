// Starting and changing runs. Every change is one command of the kernel: it happens whole or not at all.
import { errorCodeOf, WorkflowEngineError } from "@bratsos/workflow-engine";
import { z } from "zod";
import type { ApiParts } from "../api-parts.ts";
import { check, invalidRequest, issuesOf, json, type Route, route } from "../route.ts";
import { cancelBody, identifier, rerunBody, startRunBody, statusSchema } from "../schemas/index.ts";

const keyHeader = { "Idempotency-Key": "A request sent again with the same key answers as the first one did, and does nothing." };

const startRun = route({
  method: "POST",
  path: "/runs",
  action: "runs.create",
  summary: "Starts a run",
  body: startRunBody,
  headers: keyHeader,
  answers: {
    201: {
      description: "The run that was created, now or by the first request of this key.",
      schema: z.object({ workflowRunId: z.string(), status: statusSchema }),
    },
  },
  problems: [404, 409, 413],
  handle: async ({ api, request, body }) => {
    const { startAt, config, ...rest } = body;
    const created = await api.kernel
      .dispatch({
        ...withoutUndefined(rest),
        ...{ type: "run.create" as const, workflowId: body.workflowId, input: body.input },
        idempotencyKey: keyOf(request) ?? api.environment.newId(),
        ...(config && { config }),
        ...(startAt !== undefined && { startAt: new Date(startAt) }),
      })
      .catch((error: unknown) => withFields(api, error, body));
    return json(created, 201, { location: `runs/${encodeURIComponent(created.workflowRunId)}` });
  },
});

const cancelRun = route({
  method: "POST",
  path: "/runs/{runId}/cancel",
  action: "runs.cancel",
  summary: "Cancels a run; running stages are aborted",
  body: cancelBody,
  isBodyOptional: true,
  answers: { 200: { description: "`cancelled` is false when the run had ended already.", schema: z.object({ cancelled: z.boolean() }) } },
  problems: [404],
  handle: async ({ api, params, body }) =>
    json(await api.kernel.dispatch({ type: "run.cancel", workflowRunId: params["runId"]!, ...withoutUndefined(body ?? {}) })),
});

const rerun = route({
  method: "POST",
  path: "/runs/{runId}/rerun",
  action: "runs.rerun",
  summary: "Runs an ended run again from a stage; what came before it stays",
  body: rerunBody,
  headers: keyHeader,
  answers: {
    200: {
      description: "The stages that were forgotten.",
      schema: z.object({ workflowRunId: z.string(), fromStageId: z.string(), deletedStages: z.array(z.string()) }),
    },
  },
  problems: [404, 409],
  handle: async ({ api, request, params, body }) => {
    const idempotencyKey = keyOf(request);
    const key = idempotencyKey === undefined ? {} : { idempotencyKey };
    return json(
      await api.kernel.dispatch({ type: "run.rerunFrom", workflowRunId: params["runId"]!, fromStageId: body.fromStageId, ...key }),
    );
  },
});

const deleteRun = route({
  method: "DELETE",
  path: "/runs/{runId}",
  action: "runs.delete",
  summary: "Deletes an ended run with everything that belongs to it",
  answers: { 200: { description: "It is gone.", schema: z.object({ deleted: z.literal(true) }) } },
  problems: [404, 409, 501],
  handle: async ({ api, params }) => {
    const runId = params["runId"]!;
    const { deleted } = await api.kernel.dispatch({ type: "run.delete", workflowRunId: runId });
    if (!deleted) throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${runId} not found`);
    return json({ deleted });
  },
});

/** The routes that change runs. */
export const runRoutes: readonly Route[] = [startRun, cancelRun, rerun, deleteRun];

function keyOf(request: Request): string | undefined {
  const key = request.headers.get("idempotency-key");
  return key === null ? undefined : check(identifier, key, "header.Idempotency-Key");
}

type WithoutUndefined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): Partial<WithoutUndefined<T>> {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as Partial<WithoutUndefined<T>>;
}

/** Throws the error again, with the paths of the fields when it speaks of input or config. */
async function withFields(api: ApiParts, error: unknown, body: z.output<typeof startRunBody>): Promise<never> {
  const code = errorCodeOf(error);
  const workflow = api.kernel.work.registry.getWorkflow(body.workflowId);
  if (workflow && code === "INVALID_INPUT") {
    const parsed = await workflow.inputSchema.safeParseAsync(body.input);
    if (parsed.error) throw invalidRequest(code, issuesOf(parsed.error, "body", "input"));
  }
  if (workflow && code === "INVALID_CONFIG") {
    const issues = workflow.getAllStages().flatMap((stage) => {
      const parsed = stage.configSchema.safeParse(body.config?.[stage.id] ?? {});
      return parsed.error ? issuesOf(parsed.error, "body", "config", stage.id) : [];
    });
    if (issues.length > 0) throw invalidRequest(code, issues);
  }
  throw error;
}
