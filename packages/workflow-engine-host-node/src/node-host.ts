// The Node host: a worker process's loops (P15). Seeds 000 and 001 give its options and methods; the loops are the engine's own.
import { hostname } from "node:os";
import { type HostOptions, type HostStats, LoopingHost } from "@bratsos/workflow-engine/host";

export type { HostStats } from "@bratsos/workflow-engine/host";

/** Options of `createNodeHost`; every one but the kernel has a default. */
export type NodeHostConfig = Omit<HostOptions, "workerId"> & {
  /** What this worker is called in rows and logs; it need not be unique. Default `worker-{pid}-{hostname}`. */
  workerId?: string | undefined;
  /** Stops on SIGTERM and SIGINT, and then lets the process end; ends it when code that was handed back would keep it. Default true. */
  handleSignals?: boolean | undefined;
};

/** A worker process's loops. */
export interface NodeHost {
  /** Starts the loops and registers the signal handlers. Starting a running host does nothing. */
  start(): Promise<void>;
  /** Takes no more work, waits for running stages up to shutdownTimeoutMs, hands back what is left. */
  stop(): Promise<void>;
  getStats(): HostStats;
}

/** Creates a host; nothing runs before `start()`. */
export function createNodeHost(config: NodeHostConfig): NodeHost {
  return new LoopingHost({ ...config, workerId: config.workerId ?? `worker-${process.pid}-${hostname()}` });
}
