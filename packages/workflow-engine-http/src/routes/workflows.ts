// What can be started: the workflows this process knows, with the JSON Schema of their input and of each stage's config.
import { WorkflowEngineError } from "@bratsos/workflow-engine";
import { z } from "zod";
import type { ApiParts } from "../api-parts.ts";
import { json, type Route, route } from "../route.ts";
import { workflow } from "../schemas/index.ts";

type AnyWorkflow = NonNullable<ReturnType<ApiParts["kernel"]["work"]["registry"]["getWorkflow"]>>;

const listWorkflows = route({
  method: "GET",
  path: "/workflows",
  action: "workflows.read",
  summary: "Lists the workflows that can be started",
  answers: { 200: { description: "Every workflow of the registry.", schema: z.object({ items: z.array(workflow) }) } },
  handle: async ({ api }) => {
    const { registry } = api.kernel.work;
    const ids = registry.listWorkflowIds?.() ?? new Set((await api.reader.countRuns()).map(({ workflowId }) => workflowId));
    return json({ items: [...ids].flatMap((id) => registry.getWorkflow(id) ?? []).map(viewWorkflow) });
  },
});

const getWorkflow = route({
  method: "GET",
  path: "/workflows/{workflowId}",
  action: "workflows.read",
  summary: "Tells of one workflow",
  answers: { 200: { description: "The workflow.", schema: workflow } },
  problems: [404],
  handle: async ({ api, params }) => {
    const found = api.kernel.work.registry.getWorkflow(params["workflowId"]!);
    if (!found)
      throw new WorkflowEngineError("WORKFLOW_NOT_FOUND", `Workflow ${params["workflowId"]!.slice(0, 200)} not found in registry`);
    return json(viewWorkflow(found));
  },
});

/** The routes about workflows. */
export const workflowRoutes: readonly Route[] = [listWorkflows, getWorkflow];

function viewWorkflow(found: AnyWorkflow): object {
  const defaults = found.getDefaultConfig();
  return {
    ...{ id: found.id, name: found.name, description: found.description },
    inputSchema: schemaOf(found.inputSchema, "input"),
    outputSchema: schemaOf(found.outputSchema, "output"),
    stages: found.plan.stages.map(({ stage, executionGroup }) => ({
      ...{ id: stage.id, name: stage.name, description: stage.description ?? null, executionGroup },
      configSchema: schemaOf(stage.configSchema, "input"),
      defaultConfig: defaults[stage.id] ?? {},
    })),
  };
}

/** JSON Schema (2020-12); what it cannot say is any. */
function schemaOf(schema: z.ZodType, io: "input" | "output"): object {
  try {
    return z.toJSONSchema(schema, { io, unrepresentable: "any" });
  } catch {
    return {};
  }
}
