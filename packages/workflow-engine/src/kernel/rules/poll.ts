// A suspended stage has been looked at: look again later, or execute it again with what it left (P10, P11). Its end, with an output or
// an error, is `settle` like any other.
import type { Changes, Decide, ExecutionRef, JsonText, LogRow } from "../../ports/store.ts";
import { heldBy } from "./fence.ts";

/** Answer of a poll that did not end the stage; false when somebody else has moved the stage meanwhile. */
export interface Polled {
  isHeld: boolean;
  wakeAt: number | null;
}

const lost: Polled = { isHeld: false, wakeAt: null };

/** Sets the next look; `failures` counts looks that threw in a row. */
export function pollAgain(ref: ExecutionRef, nextPollAt: number, failures: number, logs: LogRow[] = []): Decide<Polled> {
  return (snapshot): Changes<Polled> => {
    const held = heldBy(ref, "SUSPENDED", snapshot);
    if (!held) return { result: lost };
    return {
      result: { isHeld: true, wakeAt: nextPollAt },
      stages: [{ stageId: ref.stageId, item: ref.item, set: { pollAt: nextPollAt, pollFailures: failures } }],
      run: {},
      logs,
    };
  };
}

/** Holds the stage for as long again, for a look that is still under way. False when somebody else has moved it. */
export function holdOn(ref: ExecutionRef, holdMs: number): Decide<boolean> {
  return (snapshot, now): Changes<boolean> => {
    if (!heldBy(ref, "SUSPENDED", snapshot)) return { result: false };
    return { result: true, stages: [{ stageId: ref.stageId, item: ref.item, set: { pollAt: now + holdMs } }], run: {} };
  };
}

/** Queues the stage for another execution, with attempts counted anew, that is handed `state` as its `ctx.resumeState`. */
export function resume(ref: ExecutionRef, state: JsonText, logs: LogRow[] = []): Decide<Polled> {
  return (snapshot, now): Changes<Polled> => {
    const held = heldBy(ref, "SUSPENDED", snapshot);
    if (!held) return { result: lost };
    return {
      result: { isHeld: true, wakeAt: null },
      stages: [
        {
          stageId: ref.stageId,
          item: ref.item,
          set: {
            status: "PENDING",
            waitReason: null,
            executionId: snapshot.freshId,
            attempt: 0,
            readyAt: now,
            pollAt: null,
            startedAt: null,
          },
          payloads: { resume: state },
        },
      ],
      run: { suspended: held.run.suspended - 1 },
      logs,
    };
  };
}
