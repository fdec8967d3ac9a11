// Budgets as people write them, and as runs keep them: dollars become whole pico-dollars.
import type { RunBudgetInput, WorkflowBudget } from "../../define/policy.ts";
import { assertPolicies } from "../../define/policy.ts";
import { WorkflowEngineError } from "../../errors.ts";
import type { RunBudget } from "../../ports/ledger.ts";
import { toPico } from "../../store/pico-dollars.ts";

/** Pico-dollars of a limit in dollars. */
export function dollarsToPico(usd: number): bigint {
  return toPico(usd);
}

/** The budget of a new run: the command's fields over the workflow's; undefined when neither sets a limit. Throws INVALID_COMMAND. */
export function budgetOf(declared: WorkflowBudget | undefined, given: RunBudgetInput | undefined): RunBudget | undefined {
  assertGiven(given);
  const usd = given?.usd ?? declared?.usd;
  const tokens = given?.tokens ?? declared?.tokens;
  const onExceed = given?.onExceed ?? declared?.onExceed ?? "hold";
  if (usd === undefined && tokens === undefined) return undefined;
  return { usdPico: usd === undefined ? null : dollarsToPico(usd), tokens: tokens ?? null, onExceed };
}

function assertGiven(given: RunBudgetInput | undefined): void {
  if (given === undefined) return;
  const isKnown = given.onExceed === undefined || given.onExceed === "hold" || given.onExceed === "fail";
  if (!isKnown) throw new WorkflowEngineError("INVALID_COMMAND", `run.create: budget.onExceed must be "hold" or "fail"`);
  try {
    assertPolicies("run.create", { budget: given });
  } catch (error) {
    throw new WorkflowEngineError("INVALID_COMMAND", error instanceof Error ? error.message : String(error), { cause: error });
  }
}
