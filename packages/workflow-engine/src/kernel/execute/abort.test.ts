// The end of an execution before its time.
import { describe, expect, it, vi } from "vitest";
import { Abort } from "./abort.ts";

const reason = new Error("cancelled");
const never = new Promise<never>(() => undefined);

describe("Abort", () => {
  it("P8: a signal looked at before the abort fires once, with the first reason", () => {
    const abort = new Abort();
    const listener = vi.fn();
    abort.signal.addEventListener("abort", listener);
    abort.abort(reason);
    abort.abort(new Error("again"));
    expect(listener).toHaveBeenCalledOnce();
    expect([abort.isAborted, abort.signal.aborted, abort.signal.reason]).toEqual([true, true, reason]);
  });

  it("P8: a signal looked at after the abort is aborted already", () => {
    const abort = new Abort();
    abort.abort(reason);
    expect([abort.signal.aborted, abort.signal.reason]).toEqual([true, reason]);
  });

  it("P15: a race ends with the abort, whatever is still under way", async () => {
    const abort = new Abort();
    const ended = abort.race(never);
    abort.abort(reason);
    await expect(ended).rejects.toBe(reason);
  });

  it("a race that was lost leaves no unhandled rejection when its code fails later", async () => {
    const abort = new Abort();
    const { promise, reject } = Promise.withResolvers<never>();
    const ended = abort.race(promise);
    abort.abort(reason);
    await expect(ended).rejects.toBe(reason);
    reject(new Error("too late")); // vitest fails the run on an unhandled rejection
    await new Promise((resolve) => setImmediate(resolve));
  });

  it("what ends first answers, and one race may follow another", async () => {
    const abort = new Abort();
    await expect(abort.race(Promise.resolve(0))).resolves.toBe(0);
    await expect(abort.race(Promise.reject(new Error("its own")))).rejects.toThrow("its own");
    const ended = abort.race(never);
    abort.abort(reason);
    await expect(ended).rejects.toBe(reason);
  });

  it("what is aborted begins nothing, and waits for nothing that has begun, whatever that comes to", async () => {
    const abort = new Abort();
    expect(() => abort.throwIfAborted()).not.toThrow();
    abort.abort(reason);
    expect(() => abort.throwIfAborted()).toThrow(reason);
    await expect(abort.race(never)).rejects.toBe(reason);
    await expect(abort.race(Promise.reject(new Error("its own")))).rejects.toBe(reason);
  });
});
