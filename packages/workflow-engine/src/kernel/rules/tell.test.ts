import { describe, expect, it } from "vitest";
import type { DraftEvent } from "../../ports/event.ts";
import type { LogRow } from "../../ports/store.ts";
import { now, refOf, run, running, seen, suspended } from "./rules.test-literals.ts";
import { tell } from "./tell.ts";

const a = running("a");
const logs: LogRow[] = [{ stageId: "a", item: 0, level: "INFO", message: "m", metadata: null, at: 900 }];
const progress: DraftEvent[] = [
  { type: "stage:progress", stageId: "a", progress: 0, message: "begin" },
  { type: "stage:progress", stageId: "a", progress: 0.5, message: "half" },
];

describe("tell", () => {
  it("P19: log lines and every progress are written, the last progress also on the stage", () => {
    expect(tell(refOf(a), "RUNNING", logs, progress)(seen(run(), a), now)).toEqual({
      result: true,
      logs,
      events: progress,
      stages: [{ stageId: "a", item: 0, set: {}, payloads: { progress: '{"progress":0.5,"message":"half"}' } }],
    });
  });

  it("P19: without progress the stage is not touched; a poll may tell as well", () => {
    const told = { result: true, logs, events: [] };
    expect(tell(refOf(a), "RUNNING", logs, [])(seen(run(), a), now)).toEqual(told);
    expect(tell(refOf(a), "SUSPENDED", logs, [])(seen(run(), suspended("a")), now)).toEqual(told);
  });

  it("P13: an execution that lost its stage tells nothing and learns so", () => {
    expect(tell(refOf(a), "RUNNING", logs, progress)(seen(run(), running("a", { executionId: "newer" })), now)).toEqual({ result: false });
    expect(tell(refOf(a), "RUNNING", logs, progress)(seen(run({ status: "CANCELLED" }), a), now)).toEqual({ result: false });
  });
});
