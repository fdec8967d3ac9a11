// One thing that the engine's own simulations run.
import type { AnyWorkflow } from "../../define/workflow.ts";
import type { SimulatedClient } from "./client-process.ts";
import type { SimulatedCode } from "./watched-workflow.ts";

/** One workflow with what its client does. */
export interface CorpusEntry {
  readonly name: string;
  workflow(code: SimulatedCode): AnyWorkflow;
  script(client: SimulatedClient): Promise<unknown>;
}
