// The loops of every long-lived host, under virtual time: what a case calls a worker process.

import { type HostOptions, resolveHostOptions } from "../host/options.ts";
import { Orchestrator } from "../host/orchestrator.ts";
import { Worker } from "../host/worker.ts";
import type { Kernel } from "../kernel/kernel.ts";

/** A running host. */
export interface LoopHost {
  readonly worker: Worker;
  readonly orchestrator: Orchestrator;
  /** How each job ended, in order. */
  readonly outcomes: readonly string[];
  /** Errors that no caller waited for. */
  readonly errors: readonly unknown[];
  /** Takes no more work and waits for what runs. */
  stop(): Promise<void>;
}

/** Starts the loops of a host on a kernel. */
export function startHost(kernel: Kernel, given: Partial<Omit<HostOptions, "kernel">> = {}): LoopHost {
  const { environment, openSession } = kernel.work;
  const outcomes: string[] = [];
  const errors: unknown[] = [];
  const options = resolveHostOptions({ workerId: "worker", onError: (error) => void errors.push(error), ...given, kernel });
  const session = openSession({ workerId: options.workerId });
  const worker = new Worker(session, environment, { ...options, onJob: (outcome) => void outcomes.push(outcome) });
  const orchestrator = new Orchestrator(session, environment, options, worker);
  let cancelPoll = (): void => undefined;
  const poll = (): void => {
    cancelPoll = environment.setTimer(options.jobPollIntervalMs, () => {
      worker.wake();
      poll();
    });
  };
  if (!session.isSignalled) poll();
  orchestrator.start();
  worker.start();
  return {
    worker,
    orchestrator,
    outcomes,
    errors,
    stop: async () => {
      cancelPoll();
      await worker.stop();
      await orchestrator.stop();
    },
  };
}
