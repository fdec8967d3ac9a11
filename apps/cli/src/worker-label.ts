// A worker's label says which process it is, so that the next command on this machine can tell whether it still lives and need not
// wait for the lease of one that was killed: `cli-<pid>@<host>#<instance id>`.
import { hostname } from "node:os";

/** The process behind a label. */
export interface LabelledProcess {
  pid: number;
  host: string;
  /** Id of the process instance, as leases name it. */
  instanceId: string;
}

/** The label of this process. */
export function labelOf(instanceId: string): string {
  return `cli-${process.pid}@${hostname()}#${instanceId}`;
}

/** The process a label names; null for labels of other hosts' making. */
export function parseLabel(workerId: string): LabelledProcess | null {
  const [, pid, host, instanceId] = /^cli-(\d+)@(.+)#([^#]+)$/.exec(workerId) ?? [];
  return pid && host && instanceId ? { pid: Number(pid), host, instanceId } : null;
}

/** The label without what only machines read. */
export function shortLabel(workerId: string): string {
  return parseLabel(workerId) ? workerId.slice(0, workerId.lastIndexOf("#")) : workerId;
}

/** True when the process ran on this machine and does no longer. A process id that was given to another reads as alive. */
export function isDead({ pid, host }: LabelledProcess): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0); // signal 0 only asks
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
