// lease.reapStale: jobs of dead workers run again, on any worker, while attempts are left (P14).
import { type KernelParts, planOf } from "../execute/parts.ts";
import { reap } from "../rules/reap.ts";
import type { CommandMap, LeaseReapStaleCommand } from "./command.ts";
import { requireCount } from "./fields.ts";

const maxJobs = 500;

/** Takes back leases that nobody has renewed for `staleThresholdMs`. */
export async function leaseReapStale(parts: KernelParts, command: LeaseReapStaleCommand): Promise<CommandMap["lease.reapStale"]["result"]> {
  const stale = await parts.store.listStale(requireCount(command, "staleThresholdMs"), maxJobs);
  const reaped = await Promise.all(
    stale.map((ref) =>
      parts.store.transact({
        runId: ref.runId,
        stage: { stageId: ref.stageId, item: ref.item },
        decide: reap(ref, (id) => planOf(parts.registry, id)),
      }),
    ),
  );
  return { released: reaped.filter(({ outcome }) => outcome !== "discarded").length };
}
