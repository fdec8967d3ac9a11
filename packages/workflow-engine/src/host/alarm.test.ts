// One timer for the earliest of many instants.
import { describe, expect, it } from "vitest";
import { createFakeEnvironment } from "../kernel/testing/fake-environment.ts";
import { Alarm } from "./alarm.ts";

function open() {
  const environment = createFakeEnvironment({ start: 1_000 });
  const rings: number[] = [];
  return { environment, rings, alarm: new Alarm(environment, () => rings.push(environment.now())) };
}

describe("Alarm", () => {
  it("rings once, at the earliest instant", async () => {
    const { environment, rings, alarm } = open();
    for (const at of [1_050, 1_020, 1_030]) alarm.setBy(at);
    expect(environment.timers()).toEqual([1_020]);
    await environment.advance(100);
    expect(rings).toEqual([1_020]);
    alarm.setBy(1_200);
    await environment.advance(100);
    expect(rings).toEqual([1_020, 1_200]);
  });

  it("an instant that has passed rings at once; one that is no number never", async () => {
    const { environment, rings, alarm } = open();
    alarm.setBy(Number.NaN);
    expect(environment.timers()).toEqual([]);
    alarm.setBy(5);
    await environment.advance(0);
    expect(rings).toEqual([1_000]);
  });

  it("switched off it leaves no timer and sets none", async () => {
    const { environment, rings, alarm } = open();
    alarm.setBy(1_010);
    alarm.off();
    alarm.setBy(1_005);
    expect(environment.timers()).toEqual([]);
    await environment.advance(50);
    expect(rings).toEqual([]);
  });
});
