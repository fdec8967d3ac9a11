// Deliberate defects that a simulation has to find: a simulation that passes on one of these proves nothing.

import type { MemoryStore } from "../../memory/memory-store.ts";
import type { Ledger, OpenCall } from "../../ports/ledger.ts";
import type { Changes, Decide, Job, StageState, Unit } from "../../ports/store.ts";
import { defects } from "../defects.ts";
import { doorMutant, ledgerMutant, type Mutant, ruleMutant, stageMutant, withMethods } from "./mutant.ts";

/** One commit made two: `part` of the changes is written later. */
function laterMutant(name: string, shownBy: string, part: "open" | "events"): Mutant {
  return doorMutant(name, shownBy, (door) => ({
    transact: async <R>(unit: Unit<R>): Promise<R> => {
      let kept: Changes<unknown>[typeof part] | undefined;
      const result = await door.transact({
        ...unit,
        decide: (snapshot, now) => {
          const { [part]: later, ...changes } = unit.decide(snapshot, now);
          kept = later;
          return changes as Changes<R>;
        },
      });
      if (kept?.length) await door.transact({ runId: unit.runId, decide: () => ({ result: null, [part]: kept }) });
      return result;
    },
  }));
}

/** Lets any execution that ever held a stage write its end. */
const noFence: Mutant = {
  name: "an execution that lost its stage may still write",
  shownBy: "sequence",
  sabotage: () => {
    const known = new Map<string, Set<string>>();
    const learn = (stages: ReadonlyArray<{ runId: string; stageId: string; executionId: string }>): void => {
      for (const { runId, stageId, executionId } of stages) {
        const ids = known.get(`${runId}/${stageId}`) ?? new Set();
        known.set(`${runId}/${stageId}`, ids.add(executionId));
      }
    };
    const decideUnfenced =
      <R>(unit: Unit<R>): Decide<R> =>
      (snapshot, now) => {
        const honest = unit.decide(snapshot, now);
        const { run, stage } = snapshot;
        if ((honest.result as { outcome?: string } | null)?.outcome !== "discarded" || honest.need || !run || !stage) return honest;
        for (const executionId of known.get(`${run.id}/${stage.stageId}`) ?? []) {
          const changes = unit.decide(
            { ...snapshot, run: { ...run, status: "RUNNING" }, stage: { ...stage, status: "RUNNING", executionId } },
            now,
          );
          if ((changes.result as { outcome?: string }).outcome === "completed" || changes.need) return changes;
        }
        return honest;
      };
    return (door) =>
      withMethods(door, {
        takeJobs: async (options) => {
          const jobs = await door.takeJobs(options);
          learn(jobs);
          return jobs;
        },
        transact: async (unit) => {
          const result = await door.transact({ ...unit, decide: decideUnfenced(unit) });
          learn((result as { handed?: StageState[] } | null)?.handed ?? []);
          return result;
        },
        claimRuns: async (options, decide) => {
          const results = await door.claimRuns(options, decide);
          learn(results.flatMap((result) => (result as { handed?: StageState[] } | null)?.handed ?? []));
          return results;
        },
      });
  },
};

/** Events are taken whoever holds the outbox, and settled under whoever's token. */
const flushWithoutClaim: Mutant = {
  name: "the outbox is flushed without claiming it",
  shownBy: "wide parallel",
  sabotage: () => {
    let token = "";
    return (door) =>
      withMethods(door, {
        takeEvents: async (options) => {
          if (token) await door.renewEvents(token, -1);
          const batch = await door.takeEvents(options);
          if (batch && batch.fresh.length > 0) token = batch.token;
          return batch;
        },
        settleEvents: (report) => door.settleEvents({ ...report, token }),
      });
  },
};

/** A run that has been RUNNING for long is failed, whether its stages wait or not. */
const reapsTheWaiting: Mutant = {
  name: "the reaper counts suspended time",
  shownBy: "suspend",
  sabotage: (store) => (door) =>
    withMethods(door, {
      listStale: async (thresholdMs, max) => {
        for (const { workflowRunId: runId } of await store.persistence.getSuspendedStages(new Date(8e15))) {
          await door.transact({
            runId,
            decide: ({ run }, now) => (run && now - run.createdAt > thresholdMs ? stuck(now) : { result: null }),
          });
        }
        return door.listStale(thresholdMs, max);
      },
    }),
};

function stuck(now: number): Changes<null> {
  const error = "stuck";
  const run = { status: "FAILED", open: 0, suspended: 0, error, completedAt: now, queuedAt: null } as const;
  return { result: null, endOpen: "CANCELLED", run, events: [{ type: "workflow:failed", error }] };
}

const heartbeatForAll: Mutant = {
  name: "a heartbeat renews the leases of others",
  shownBy: "sequence",
  sabotage: () => {
    const instances = new Map<string, { id: string; workerId: string }>();
    return (door) =>
      withMethods(door, {
        takeJobs: async (options) => {
          instances.set(options.instance.id, options.instance);
          for (const instance of instances.values()) await door.heartbeat(instance);
          return door.takeJobs(options);
        },
      });
  },
};

const sharedJobs: Mutant = {
  name: "a job is leased to two workers",
  shownBy: "wide parallel",
  sabotage: () => {
    let last: Job[] = [];
    return (door) =>
      withMethods(door, {
        takeJobs: async (options) => {
          const jobs = await door.takeJobs(options);
          const shared = jobs.length > 0 ? [...jobs, ...last] : last;
          last = jobs;
          return shared;
        },
      });
  },
};

const sharedPolls: Mutant = doorMutant("a poll is not held", "batch", (door) => ({
  takePolls: async (options) => {
    const polls = await door.takePolls(options);
    for (const { runId, stageId, item } of polls) {
      await door.transact({
        ...{ runId, stage: { stageId, item } },
        decide: ({ stage }, now) => ({
          result: null,
          ...(stage?.status === "SUSPENDED" && { stages: [{ stageId, item, set: { pollAt: now } }] }),
        }),
      });
    }
    return polls;
  },
}));

/** Opens rows when their calls are over: nothing is known of one whose worker dies. */
function opensLate(ledger: Ledger): { [K in keyof Ledger]?: Ledger[K] } {
  const waiting = new Map<string, OpenCall>();
  return {
    openCall: async (call) => {
      waiting.set(call.id, call);
      return null;
    },
    closeCall: async (id, end) => {
      const call = waiting.get(id);
      if (call) await ledger.openCall(call);
      return ledger.closeCall(id, end);
    },
  };
}

const nothing = { inputTokens: 0, outputTokens: 0, costPico: 0n };

/** The defects of the conformance suites that a history can show. */
function known(promise: string, shownBy: string): Mutant {
  const { name, apply } = defects.find((one) => one.promise === promise)!;
  const sabotage: Mutant["sabotage"] = (store) => (door) => apply({ ...store, runStore: door } as unknown as MemoryStore).runStore;
  return { name, shownBy, sabotage };
}

/** Deliberate defects, each of which some history shows. */
export const mutants: readonly Mutant[] = [
  known("P2", "sequence"),
  known("P4", "wide parallel"),
  known("P9", "rerun"),
  known("P13", "sequence"),
  known("P14", "sequence"),
  known("P18", "sequence"),
  noFence,
  laterMutant("stages are opened after the commit that ends the group before", "sequence", "open"),
  laterMutant("events are written after the commit they tell of", "sequence", "events"),
  flushWithoutClaim,
  reapsTheWaiting,
  heartbeatForAll,
  doorMutant("nobody's heartbeat arrives", "sequence", () => ({ heartbeat: async () => undefined })),
  sharedJobs,
  sharedPolls,
  doorMutant("nobody looks for runs that nobody moved on", "sequence", () => ({ listStranded: async () => [] })),
  doorMutant("nobody looks for executions that were lost", "cancel", () => ({ listLost: async () => [] })),
  doorMutant("events are told in the wrong order", "sequence", (door) => ({
    takeEvents: async (options) => {
      const batch = await door.takeEvents(options);
      return batch && { ...batch, fresh: batch.fresh.toReversed() };
    },
  })),
  doorMutant("the idempotency key is not looked at", "sequence", (door) => ({ transact: ({ key: _, ...unit }) => door.transact(unit) })),
  ruleMutant("a cancelled run leaves its stages open", "cancel", ({ endOpen, ...changes }) =>
    changes.run?.status === "CANCELLED" || endOpen === undefined ? changes : { ...changes, endOpen },
  ),
  ruleMutant("a stage that completes is counted twice", "wide parallel", (changes) => {
    const { run } = changes;
    const isLess = run?.open !== undefined && run.open > 1 && !changes.open;
    return isLess ? { ...changes, run: { ...run, open: run.open! - 1 } } : changes;
  }),
  ruleMutant("suspended stages are not counted", "suspend", (changes) => {
    const { suspended: _, ...run } = changes.run ?? {};
    return changes.run ? { ...changes, run } : changes;
  }),
  stageMutant("tries are not counted", "failing", (set) => (set.status === "PENDING" ? { ...set, attempt: 0 } : set)),
  stageMutant("a suspended stage is never polled", "suspend", (set) => (set.status === "SUSPENDED" ? { ...set, pollAt: null } : set)),
  stageMutant("a retry goes on under its old execution's id", "retry", (set) => {
    const { executionId: _, ...kept } = set;
    return set.waitReason === "retry" ? kept : set;
  }),
  ledgerMutant("a model call is put on the ledger after it was made", "budget", opensLate),
  ledgerMutant("a model call that fails is not put on the ledger", "budget", (ledger) => ({
    closeCall: (id, end) => ledger.closeCall(id, end.usage === null ? { ...end, usage: nothing } : end),
  })),
  stageMutant("a raise is not heard by a stage whose call was refused already", "budget", (set) => {
    const { waitReason, ...kept } = set;
    return waitReason === "budget" && set.status === undefined ? kept : set;
  }),
  ruleMutant("a group opens without its last stage", "wide parallel", (changes) =>
    changes.open && changes.open.length > 1 ? { ...changes, open: changes.open.slice(0, -1) } : changes,
  ),
];
