// The Node host: a worker process's loops (P15). Seeds 000 and 001 give its options and methods; the loops are the engine's own.
import { type HostOptions, type HostStats, LoopingHost } from "@bratsos/workflow-engine/host";

export type { HostStats } from "@bratsos/workflow-engine/host";

/** Options of `createNodeHost`; every one but kernel and workerId has a default. */
export type NodeHostConfig = HostOptions & {
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
  return new LoopingHost(config);
}
