// budget.raise: a run may spend more, and the stages that were held go on, in one commit.
import { WorkflowEngineError } from "../../errors.ts";
import type { BudgetLimit } from "../../ports/ledger.ts";
import { type KernelParts, planOf } from "../execute/parts.ts";
import { stageBudgetOf } from "../execute/stage-ai.ts";
import { type Raised, raiseBudget } from "../rules/hold.ts";
import { dollarsToPico } from "./budget-amounts.ts";
import type { BudgetRaiseCommand } from "./command.ts";
import { requireCount, requireText } from "./fields.ts";

/** Raises a run's budget, or that of one of its stages. */
export function budgetRaise(parts: KernelParts, command: BudgetRaiseCommand): Promise<Raised> {
  const runId = requireText(command, "workflowRunId");
  const stageId = command.stageId === undefined ? null : requireText(command, "stageId");
  const usd = command.usd === undefined ? undefined : requireCount(command, "usd");
  const tokens = command.tokens === undefined ? undefined : requireCount(command, "tokens");
  if (usd === undefined && tokens === undefined) {
    throw new WorkflowEngineError("INVALID_COMMAND", "budget.raise: usd or tokens must say the new limit");
  }
  if (!parts.store.keepsBudgets) {
    throw new WorkflowEngineError(
      "NOT_CONFIGURED",
      "budget.raise: this persistence keeps no budgets, or not with this aiCallLogger. Use a store of ours, or the Prisma adapters and call logger of one client.",
    );
  }
  const raise = { stageId, usdPico: usd === undefined ? null : dollarsToPico(usd), tokens: tokens ?? null };
  const event = {
    type: "budget:raised",
    ...(stageId !== null && { stageId }),
    ...(usd !== undefined && { usd }),
    ...(tokens !== undefined && { tokens }),
  } as const;
  const declaredOf = (workflowId: string, id: string): BudgetLimit | undefined => {
    const planned = planOf(parts.registry, workflowId)?.getStage(id);
    return planned && stageBudgetOf(planned.stage);
  };
  return parts.store.transact({ runId, decide: raiseBudget(runId, raise, event, declaredOf) });
}
