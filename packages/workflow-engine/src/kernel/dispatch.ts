// From a command's type to its handler: the whole list in one place.
import { WorkflowEngineError } from "../errors.ts";
import { budgetRaise } from "./commands/budget-raise.ts";
import type { CommandMap, CommandType, KernelCommand } from "./commands/command.ts";
import { jobExecute } from "./commands/job-execute.ts";
import { leaseReapStale } from "./commands/lease-reap-stale.ts";
import { outboxFlush } from "./commands/outbox-flush.ts";
import { pluginReplayDLQ } from "./commands/plugin-replay-dlq.ts";
import { runCancel } from "./commands/run-cancel.ts";
import { runClaimPending } from "./commands/run-claim-pending.ts";
import { runCreate } from "./commands/run-create.ts";
import { runDelete } from "./commands/run-delete.ts";
import { runReapStuck } from "./commands/run-reap-stuck.ts";
import { runRerunFrom } from "./commands/run-rerun-from.ts";
import { runTransition } from "./commands/run-transition.ts";
import { stagePollSuspended } from "./commands/stage-poll-suspended.ts";
import type { KernelParts } from "./execute/parts.ts";
import { assertJoining, type DispatchOptions, partsWithin } from "./join-transaction.ts";

type Handlers = { [T in CommandType]: (parts: KernelParts, command: CommandMap[T]["command"]) => Promise<CommandMap[T]["result"]> };

const handlers: Handlers = {
  "run.create": runCreate,
  "run.claimPending": runClaimPending,
  "run.transition": runTransition,
  "run.cancel": runCancel,
  "run.rerunFrom": runRerunFrom,
  "run.reapStuck": runReapStuck,
  "run.delete": runDelete,
  "budget.raise": budgetRaise,
  "job.execute": jobExecute,
  "stage.pollSuspended": stagePollSuspended,
  "lease.reapStale": leaseReapStale,
  "outbox.flush": outboxFlush,
  "plugin.replayDLQ": pluginReplayDLQ,
};

/** Carries out one command; an unknown type is UNKNOWN_COMMAND. */
export async function dispatch(parts: KernelParts, command: KernelCommand, { transaction }: DispatchOptions = {}): Promise<unknown> {
  const type = (command as { type?: unknown } | null)?.type;
  if (typeof type !== "string" || !Object.hasOwn(handlers, type)) {
    throw new WorkflowEngineError("UNKNOWN_COMMAND", `Unknown command type: ${String(type)}`);
  }
  const handler = handlers[type as CommandType] as (parts: KernelParts, command: KernelCommand) => Promise<unknown>;
  const inside = transaction === undefined ? parts : partsWithin(parts, transaction);
  if (inside.store.isJoined) assertJoining(type as CommandType, !parts.store.handsOver);
  return handler(inside, command);
}
