// Commands inside a transaction of the caller's (P2): they work on the store inside it, and only those that change nothing but rows may.
import { WorkflowEngineError } from "../errors.ts";
import type { StoreTransaction, TransactionClient } from "../ports/transaction.ts";
import type { CommandType } from "./commands/command.ts";
import type { KernelParts } from "./execute/parts.ts";

/** Where a command is carried out. */
export interface DispatchOptions {
  /**
   * A transaction of your own on the store's database, or what `store.transaction(client)` made of it: the command commits or rolls back with
   * it. For run.create, run.cancel, run.rerunFrom and budget.raise. Await the answer before anything else is done with the client.
   */
  transaction?: TransactionClient | StoreTransaction | undefined;
}

const joining: ReadonlySet<CommandType> = new Set(["run.create", "run.cancel", "run.rerunFrom", "budget.raise"]);
/** Those that may have stages for somebody to be called with, after the commit. */
const announcing: ReadonlySet<CommandType> = new Set(["run.rerunFrom", "budget.raise"]);

/** The kernel's parts inside a transaction; what is not the store's own (a blob store, a scheduler) stays outside. */
export function partsWithin(parts: KernelParts, transaction: TransactionClient | StoreTransaction): KernelParts {
  if (!parts.joinable) {
    throw new WorkflowEngineError(
      "NOT_CONFIGURED",
      "This kernel's store has no transaction(client). Spread a store of ours into it: createKernel({ ...createPostgresStore({ connectionString }), registry }).",
    );
  }
  const joined = isJoined(transaction) ? transaction : parts.joinable.transaction(transaction);
  const { runStore, blobStore, scheduler, outside } = joined;
  if (outside.runStore !== parts.joinable.runStore) {
    throw new WorkflowEngineError("NOT_CONFIGURED", "This transaction was made by another store than the kernel's. Use the kernel's own.");
  }
  return {
    ...parts,
    store: runStore,
    blobStore: parts.blobStore === outside.blobStore ? blobStore : parts.blobStore,
    scheduler: parts.scheduler === outside.scheduler ? scheduler : parts.scheduler,
  };
}

/** Refuses what would run user code, take work or delete blobs inside somebody's transaction. `announces`: stages are told to a queue. */
export function assertJoining(type: CommandType, announces: boolean): void {
  if (!joining.has(type)) {
    const text = `${type} cannot be a part of your transaction; ${[...joining].join(", ")} can. Dispatch it after your commit, without one.`;
    throw new WorkflowEngineError("INVALID_COMMAND", text);
  }
  if (announces && announcing.has(type)) {
    throw new WorkflowEngineError(
      "INVALID_COMMAND",
      `${type} cannot be a part of your transaction where a platform's queue calls the workers: it would be told of stages before your commit. Dispatch it after your commit, without one.`,
    );
  }
}

function isJoined(transaction: TransactionClient | StoreTransaction): transaction is StoreTransaction {
  return typeof transaction === "object" && transaction !== null && "outside" in transaction && "runStore" in transaction;
}
