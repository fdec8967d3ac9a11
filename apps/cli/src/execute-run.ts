// Works on one run with a host in this process until the run has ended or somebody interrupts; what `run`, `resume` and `rerun` share.
import { type AnyWorkflow, createKernel, createRegistry, type Kernel, resolveOutput } from "@bratsos/workflow-engine";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import type { Database, Store } from "./database.ts";
import { createDisplay } from "./display/create-display.ts";
import type { Display, RunEnd } from "./display/display.ts";
import { type Interrupt, listenForInterrupt } from "./interrupt.ts";
import { RunFollower } from "./run-follower.ts";
import { viewStages } from "./stage-views.ts";
import { exitCode } from "./usage-error.ts";
import { labelOf } from "./worker-label.ts";

/** What to execute, and how. */
export interface Execution {
  store: Store;
  kernel: Kernel;
  workflow: AnyWorkflow;
  db: Database;
  isJson: boolean;
  concurrency: number | undefined;
  /** Makes or reopens the run and answers its id; may tell things on the way. */
  begin(display: Pick<Display, "note">): Promise<string>;
}

/** Milliseconds between two looks at the run. */
const lookMs = 50;
/** How long an interrupted command waits for running stages before it hands them back. Milliseconds. */
const graceMs = 5_000;

/** A kernel that knows this workflow only, on this store. */
export function kernelFor(store: Store, workflows: readonly AnyWorkflow[]): Kernel {
  return createKernel({ ...store, registry: createRegistry(workflows) });
}

/** The worker label of this process, naming the instance its leases will belong to. */
export function workerIdOf(kernel: Kernel): string {
  return labelOf(kernel.work.openSession({ workerId: "cli" }).instance.id);
}

/** Executes a run to its end and shows it; answers the exit code. */
export async function executeRun(execution: Execution): Promise<number> {
  const display = createDisplay(execution.isJson);
  const interrupt = listenForInterrupt();
  try {
    const notes: string[] = [];
    const runId = await execution.begin({ note: (text) => notes.push(text) });
    display.start({ runId, workflowId: execution.workflow.id, db: execution.db.shown });
    for (const note of notes) display.note(note);
    const end = await new RunExecution(execution, display, interrupt, runId).work();
    display.end(end);
    return end.isInterrupted ? exitCode.interrupted : end.run.status === "COMPLETED" ? exitCode.completed : exitCode.failed;
  } catch (error) {
    display.close();
    throw error;
  } finally {
    interrupt.dispose();
  }
}

class RunExecution {
  readonly #execution: Execution;
  readonly #display: Display;
  readonly #interrupt: Interrupt;
  readonly #follower: RunFollower;
  readonly #runId: string;

  constructor(execution: Execution, display: Display, interrupt: Interrupt, runId: string) {
    this.#execution = execution;
    this.#display = display;
    this.#interrupt = interrupt;
    this.#runId = runId;
    this.#follower = new RunFollower(execution.store, runId);
  }

  /** Starts a host, follows the run, stops the host. */
  async work(): Promise<RunEnd> {
    const { kernel, concurrency } = this.#execution;
    const host = createNodeHost({
      kernel,
      workerId: workerIdOf(kernel),
      concurrency,
      handleSignals: false,
      shutdownTimeoutMs: graceMs,
      onError: (error) => this.#display.note(`The engine reports: ${error instanceof Error ? error.message : String(error)}`),
    });
    await this.#follower.skipPast();
    await host.start();
    await this.#follow(() => this.#follower.hasEnded || this.#interrupt.isRaised);
    if (!this.#follower.hasEnded) {
      this.#display.note(`Stopping: up to ${graceMs / 1_000} s for running stages, then they are handed back. Ctrl-C again stops at once.`);
    }
    let isStopped = false;
    const stopping = host.stop().finally(() => {
      isStopped = true;
    });
    await this.#follow(() => isStopped);
    await stopping;
    await this.#look();
    return this.#end();
  }

  async #follow(isOver: () => boolean): Promise<void> {
    for (;;) {
      await this.#look();
      if (isOver()) return;
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  async #look(): Promise<void> {
    const now = Date.now();
    const events = await this.#follower.look(now);
    this.#display.update(viewStages(this.#follower.detail, this.#execution.workflow.plan, now));
    for (const event of events) this.#display.event(event);
  }

  async #end(): Promise<RunEnd> {
    const { store, workflow, db } = this.#execution;
    const { detail } = this.#follower;
    if (!detail) throw new Error(`Run ${this.#runId} is no longer in ${db}: somebody deleted it.`);
    const { run } = detail;
    return {
      runId: run.id,
      workflowId: run.workflowId,
      db: db.shown,
      run,
      stages: viewStages(detail, workflow.plan, Date.now()),
      output: run.status === "COMPLETED" ? await resolveOutput(run.output, store.blobStore) : null,
      isInterrupted: !this.#follower.hasEnded,
    };
  }
}
