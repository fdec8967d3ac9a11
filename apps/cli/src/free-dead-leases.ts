// After a kill -9 the lease of the dead process stands for a minute. When it ran on this machine nobody needs to wait for that: it is
// declared gone, and the reaper takes its stages back as it would have later, attempt kept on record.
import type { Kernel, RunDetail, RunStore } from "@bratsos/workflow-engine";
import { isDead, parseLabel } from "./worker-label.ts";

/** How long an unrenewed lease stands, in milliseconds; the engine's default. */
export const leaseMs = 60_000;

/** What became of the leases of a run. */
export interface FreedLeases {
  /** Labels of processes that were gone. */
  gone: string[];
  /** Labels of workers that hold stages and may be alive. */
  holding: string[];
}

/** Frees the stages of processes that died on this machine; leases of others are left alone. */
export async function freeDeadLeases(kernel: Kernel, runStore: Pick<RunStore, "forget">, detail: RunDetail): Promise<FreedLeases> {
  const labels = new Set(detail.stages.flatMap(({ status, workerId }) => (status === "RUNNING" && workerId) || []));
  const freed: FreedLeases = { gone: [], holding: [] };
  for (const workerId of labels) {
    const owner = parseLabel(workerId);
    if (owner && isDead(owner)) {
      await runStore.forget({ id: owner.instanceId, workerId });
      freed.gone.push(workerId);
    } else freed.holding.push(workerId);
  }
  if (freed.gone.length > 0) await kernel.dispatch({ type: "lease.reapStale", staleThresholdMs: leaseMs });
  return freed;
}
