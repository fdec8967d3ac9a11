// The names of pages on the executor: a workflow of four stages that has been run once, so that it can be run again from any of them.
import { createMemoryStore, defineStage, defineWorkflow, WorkflowExecutor } from "@bratsos/workflow-engine";
import { z } from "zod";

const schema = z.object({ n: z.number() });
const stageOf = <const Id extends string>(id: Id) =>
  defineStage({
    id,
    name: id,
    schemas: { input: schema, output: schema, config: z.object({}) },
    execute: async ({ input }) => ({ output: { n: input.n + 1 } }),
  });

export const workflow = defineWorkflow({ id: "my-workflow", name: "My workflow", input: schema })
  .pipe(stageOf("stage-1"))
  .pipe(stageOf("stage-2"))
  .pipe(stageOf("stage-3"))
  .pipe(stageOf("stage-4"))
  .build();

export const { persistence, aiCallLogger: aiLogger } = createMemoryStore();
export const workflowRunId = "run-1";
export const workflowType = "my-workflow";
export const input = { n: 1 };
export const config = {};
export const executor = new WorkflowExecutor(workflow, workflowRunId, workflowType, { persistence, aiLogger });
await executor.execute(input, config);
