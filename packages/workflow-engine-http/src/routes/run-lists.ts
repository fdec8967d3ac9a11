// Reading runs: lists with keyset pages, one run in full, its parts.
import { WorkflowEngineError } from "@bratsos/workflow-engine";
import { z } from "zod";
import type { ApiParts } from "../api-parts.ts";
import { ApiProblem } from "../problem.ts";
import { json, type Route, route } from "../route.ts";
import {
  attempt,
  attemptsQuery,
  logLine,
  pageOf,
  pageQuery,
  runCount,
  runDetail,
  runOutput,
  runSummary,
  runsQuery,
} from "../schemas/index.ts";
import { viewAttempt, viewDetail, viewLog, viewOutput, viewSummary } from "../views.ts";

const listRuns = route({
  method: "GET",
  path: "/runs",
  action: "runs.list",
  summary: "Lists runs, newest first",
  query: runsQuery,
  answers: { 200: { description: "A page of runs.", schema: pageOf(runSummary) } },
  handle: async ({ api, query }) => {
    const { limit, cursor, workflowId, status, createdAfter, createdBefore } = query;
    const filter = {
      ...{ workflowId, status },
      ...(createdAfter !== undefined && { createdAfter: new Date(createdAfter) }),
      ...(createdBefore !== undefined && { createdBefore: new Date(createdBefore) }),
    };
    const page = await api.reader.listRuns(filter, { limit, cursor });
    return json({ items: page.items.map(viewSummary), nextCursor: page.nextCursor });
  },
});

const countRuns = route({
  method: "GET",
  path: "/counts",
  action: "runs.list",
  summary: "Counts runs by workflow and status",
  answers: { 200: { description: "One row a workflow and status.", schema: z.object({ items: z.array(runCount) }) } },
  handle: async ({ api }) => json({ items: await api.reader.countRuns() }),
});

const getRun = route({
  method: "GET",
  path: "/runs/{runId}",
  action: "runs.read",
  summary: "Tells of one run: stages, attempts, artifacts, cost",
  answers: { 200: { description: "The run.", schema: runDetail } },
  problems: [404],
  handle: async ({ api, params }) => {
    const runId = params["runId"]!;
    const [detail, attempts] = await Promise.all([api.reader.getRunDetail(runId), api.reader.listAttempts(runId)]);
    if (!detail) throw notFound(runId);
    return json(viewDetail(detail, attempts));
  },
});

const getOutput = route({
  method: "GET",
  path: "/runs/{runId}/output",
  action: "runs.read",
  summary: "Gives the whole output of a run, however large",
  answers: { 200: { description: "`output` is null until the run is COMPLETED.", schema: runOutput } },
  problems: [404],
  handle: async ({ api, params }) => {
    const run = await api.store.persistence.getRun(params["runId"]!);
    if (!run) throw notFound(params["runId"]!);
    return json(await viewOutput(run, api.kernel.work.blobStore));
  },
});

const listLogs = route({
  method: "GET",
  path: "/runs/{runId}/logs",
  action: "runs.read",
  summary: "Lists the log lines of a run, oldest first",
  query: pageQuery,
  answers: { 200: { description: "A page of log lines.", schema: pageOf(logLine) } },
  problems: [404],
  handle: async ({ api, params, query }) => {
    await requireRun(api, params["runId"]!);
    const page = await api.reader.listLogs(params["runId"]!, query);
    return json({ items: page.items.map(viewLog), nextCursor: page.nextCursor });
  },
});

const listAttempts = route({
  method: "GET",
  path: "/runs/{runId}/attempts",
  action: "runs.read",
  summary: "Lists the attempts of a run's stages",
  query: attemptsQuery,
  answers: {
    200: { description: "Ended ones first, as they ended; then those under way.", schema: z.object({ items: z.array(attempt) }) },
  },
  problems: [404],
  handle: async ({ api, params, query }) => {
    await requireRun(api, params["runId"]!);
    return json({ items: (await api.reader.listAttempts(params["runId"]!, query.stageId)).map(viewAttempt) });
  },
});

const getArtifact = route({
  method: "GET",
  path: "/runs/{runId}/artifacts/{key}",
  action: "runs.read",
  summary: "Gives the data of one artifact",
  answers: { 200: { description: "The data, as JSON.", schema: z.object({ key: z.string(), data: z.unknown() }) } },
  problems: [404],
  handle: async ({ api, params }) => {
    const runId = params["runId"]!;
    const key = params["key"]!;
    await requireRun(api, runId);
    const { persistence } = api.store;
    if (!(await persistence.hasArtifact(runId, key))) {
      throw new ApiProblem(404, "ARTIFACT_NOT_FOUND", `Run ${runId} has no artifact ${JSON.stringify(key)}; GET /runs/{runId} lists them.`);
    }
    return json({ key, data: (await persistence.loadArtifact(runId, key)) ?? null });
  },
});

/** The routes that read runs. */
export const runListRoutes: readonly Route[] = [listRuns, countRuns, getRun, getOutput, listLogs, listAttempts, getArtifact];

/** Throws RUN_NOT_FOUND. */
export async function requireRun({ store }: ApiParts, runId: string): Promise<void> {
  if ((await store.persistence.getRunStatus(runId)) === null) throw notFound(runId);
}

/** The error of an id that names no run. */
export function notFound(runId: string): WorkflowEngineError {
  return new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${runId.slice(0, 200)} not found`);
}
