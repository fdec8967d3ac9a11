// One thing that the engine's own simulations run.
import type { AnyWorkflow } from "../../define/workflow.ts";
import type { SimulatedClient } from "./client-process.ts";
import type { SimulateOptions } from "./simulate.ts";
import type { SimulatedCode } from "./watched-workflow.ts";

/** One workflow with what its client does. */
export interface CorpusEntry {
  readonly name: string;
  workflow(code: SimulatedCode): AnyWorkflow;
  /** True when it needs a store that keeps budgets, which the CRUD port has no room for. */
  readonly needsBudgets?: boolean;
  script(client: SimulatedClient): Promise<unknown>;
  /** What must be so after its histories, beside the engine's promises. */
  readonly invariants?: SimulateOptions<unknown>["invariants"];
}
