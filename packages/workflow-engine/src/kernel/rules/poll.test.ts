import { describe, expect, it } from "vitest";
import type { LogRow } from "../../ports/store.ts";
import { pollAgain, resume } from "./poll.ts";
import { now, pending, refOf, run, seen, suspended } from "./rules.test-literals.ts";

const a = suspended("a");
const ref = refOf(a);
const lost = { result: { isHeld: false, wakeAt: null } };
const logs: LogRow[] = [{ stageId: "a", item: 0, level: "WARN", message: "m", metadata: null, at: 900 }];

describe("pollAgain", () => {
  it("P10: a look that threw is counted, logged and followed by another; the stage still waits", () => {
    expect(pollAgain(ref, 2_000, 4, logs)(seen(run({ suspended: 1 }), a), now)).toEqual({
      result: { isHeld: true, wakeAt: 2_000 },
      stages: [{ stageId: "a", item: 0, set: { pollAt: 2_000, pollFailures: 4 } }],
      run: {},
      logs,
    });
  });
});

describe("resume", () => {
  it("P10: the stage is queued at once, with attempts counted anew, under a new id, and handed what it left", () => {
    expect(resume(ref, '{"id":"batch"}', logs)(seen(run({ open: 2, suspended: 2 }), a), now)).toEqual({
      result: { isHeld: true, wakeAt: null },
      stages: [
        {
          stageId: "a",
          item: 0,
          set: { status: "PENDING", waitReason: null, executionId: "f1", attempt: 0, readyAt: now, pollAt: null, startedAt: null },
          payloads: { resume: '{"id":"batch"}' },
        },
      ],
      run: { suspended: 1 },
      logs,
    });
  });
});

describe.each([
  ["pollAgain", pollAgain(ref, 2_000, 1, logs)],
  ["resume", resume(ref, "{}", logs)],
])("%s by a poller that is too late", (_, decide) => {
  it("P10: a stage that another poller holds is left to it", () => {
    expect(decide(seen(run(), suspended("a", { executionId: "newer" })), now)).toEqual(lost);
  });

  it("P10: a stage that no longer waits is left as it is", () => {
    expect(decide(seen(run(), pending("a")), now)).toEqual(lost);
    expect(decide(seen(run(), null), now)).toEqual(lost);
  });

  it("P8: a run that has ended is left as it is", () => {
    expect(decide(seen(run({ status: "CANCELLED" }), a), now)).toEqual(lost);
  });
});
