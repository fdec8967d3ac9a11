// The kernel: one function that carries out commands, on the ports it was given. No timers of its own, no signals, no global state.
import { WorkflowEngineError } from "../errors.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { Environment } from "../ports/environment.ts";
import type { WorkflowRegistry } from "../ports/registry.ts";
import type { CommandResult, KernelCommand } from "./commands/command.ts";
import { dispatch } from "./dispatch.ts";
import type { KernelParts } from "./execute/parts.ts";
import type { DispatchOptions } from "./join-transaction.ts";
import { createSession, type WorkSession } from "./session.ts";

/** What hosts work with: sessions of this kernel, and the world it lives in. */
export interface WorkPort {
  readonly environment: Environment;
  /** The workflows this kernel knows. */
  readonly registry: WorkflowRegistry;
  /** Where its large payloads are. */
  readonly blobStore: BlobStore;
  /** Opens a session under a worker's label. */
  openSession(options: { workerId: string }): WorkSession;
}

/** Carries out commands. */
export interface Kernel {
  /** Carries out one command; rejects with a WorkflowEngineError when it may not be. */
  dispatch<C extends KernelCommand>(command: C, options?: DispatchOptions): Promise<CommandResult<C>>;
  /** For host authors: the short path over the kernel's store. */
  readonly work: WorkPort;
}

/** Makes a kernel of its parts; `createKernel` of the package finds the parts first. */
export function assembleKernel(parts: KernelParts): Kernel {
  return {
    dispatch: <C extends KernelCommand>(command: C, options?: DispatchOptions) =>
      dispatch(parts, command, options) as Promise<CommandResult<C>>,
    work: {
      environment: parts.environment,
      registry: parts.registry,
      blobStore: parts.blobStore,
      openSession: ({ workerId }) => createSession(outsideOnly(parts), workerId),
    },
  };
}

function outsideOnly(parts: KernelParts): KernelParts {
  if (!parts.store.isJoined) return parts;
  throw new WorkflowEngineError(
    "NOT_CONFIGURED",
    "A host cannot work inside a transaction of yours. Give it a kernel on the store itself.",
  );
}
