// run.transition: opens the next group or ends the run, once, however many ask (P4).
import { type KernelParts, outputCheckOf, planOf } from "../execute/parts.ts";
import { type Transition, transition } from "../rules/transition.ts";
import type { CommandMap, RunTransitionCommand } from "./command.ts";
import { requireText } from "./fields.ts";

/** Moves a run on when its open group is over. */
export async function runTransition(parts: KernelParts, command: RunTransitionCommand): Promise<CommandMap["run.transition"]["result"]> {
  const { action, nextGroup } = await moveOn(parts, requireText(command, "workflowRunId"));
  return { action, ...(nextGroup !== undefined && { nextGroup }) };
}

/** The transition of one run, for whoever repairs. */
export function moveOn(parts: KernelParts, runId: string): Promise<Transition> {
  const { registry, store } = parts;
  return store.transact({
    runId,
    decide: transition({
      planOf: (id) => planOf(registry, id),
      taker: null,
      checkOutput: (workflowId, output) => outputCheckOf(registry, workflowId)?.(output) ?? null,
    }),
  });
}
