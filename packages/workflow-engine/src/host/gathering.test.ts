import { expect, it } from "vitest";
import { createFakeEnvironment } from "../kernel/testing/fake-environment.ts";
import { Gathering } from "./gathering.ts";

function gathering() {
  const environment = createFakeEnvironment();
  const begun: number[] = [];
  const ends: Array<() => void> = [];
  const start = environment.now();
  const pass = (): Promise<void> => {
    begun.push(environment.now() - start);
    return new Promise((resolve) => ends.push(resolve));
  };
  const subject = new Gathering(environment, { pauseMs: 5, pass, onError: () => undefined });
  const end = async (): Promise<void> => {
    ends.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { subject, environment, begun, end };
}

it("goes at once for the first who asks, and once for all who ask until the pause is over", async () => {
  const { subject, environment, begun, end } = gathering();
  subject.ask();
  subject.ask();
  expect(begun).toEqual([0]);
  subject.ask();
  await end();
  subject.ask();
  await environment.advance(4);
  expect(begun).toEqual([0]);
  await environment.advance(1);
  expect(begun).toEqual([0, 5]);
  await end();
  await environment.advance(100);
  expect(begun).toEqual([0, 5]);
  subject.ask();
  expect(begun).toEqual([0, 5, 105]);
});

it("goes on where somebody asked while it went, which its pass may not have seen", async () => {
  const { subject, environment, begun, end } = gathering();
  subject.ask();
  subject.ask();
  await end();
  await environment.advance(5);
  expect(begun).toEqual([0, 5]);
  await end();
  subject.ask();
  subject.off();
  await environment.advance(100);
  expect(begun).toEqual([0, 5]);
});
