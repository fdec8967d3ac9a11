// Fault plans: what they fail, when, and that they repeat. What the engine makes of them is the suite of P14's fault plans, on every store.
import { describe, expect, it } from "vitest";
import { FaultPlan, faulty, InjectedFault } from "./faults.ts";

/** A blob store that counts what took effect. */
function counting() {
  const done: string[] = [];
  const blobStore = { get: async (key: string) => void done.push(key), size: 3 };
  return { done, store: { blobStore } };
}

async function failuresOf(plan: FaultPlan, calls: number): Promise<string[]> {
  const { done, store } = counting();
  const { blobStore } = faulty(store, plan);
  plan.arm();
  const failed: string[] = [];
  for (let i = 0; i < calls; i++) {
    await blobStore.get(String(i)).catch(() => failed.push(`${i} ${done.includes(String(i)) ? "done" : "not done"}`));
  }
  return failed;
}

describe("fault plans", () => {
  it("fails the k-th call, before or after it took effect", async () => {
    expect(await failuresOf(FaultPlan.nth(2, "before"), 4)).toEqual(["1 not done"]);
    expect(await failuresOf(FaultPlan.nth(3, "after"), 4)).toEqual(["2 done"]);
  });

  it("a seeded plan repeats, keeps to its rate, and ends", async () => {
    const first = await failuresOf(FaultPlan.seeded(5, { rate: 0.2, most: 8 }), 200);
    expect(first).toEqual(await failuresOf(FaultPlan.seeded(5, { rate: 0.2, most: 8 }), 200));
    expect(first).toHaveLength(8);
    expect(first).not.toEqual(await failuresOf(FaultPlan.seeded(6, { rate: 0.2, most: 8 }), 200));
    expect(new Set(first.map((one) => one.replace(/^\d+ /, "")))).toEqual(new Set(["done", "not done"]));
  });

  it("fails nothing before it is armed and after it is disarmed, and says what it failed", async () => {
    const { store } = counting();
    const plan = new FaultPlan(() => "before");
    const { blobStore } = faulty(store, plan);
    await blobStore.get("a");
    plan.arm();
    await expect(blobStore.get("b")).rejects.toMatchObject({ name: "InjectedFault", method: "blobStore.get" });
    plan.disarm();
    await blobStore.get("c");
    expect([plan.calls, plan.injected, blobStore.size]).toEqual([1, 1, 3]);
    await expect(Promise.reject(new InjectedFault("m", "after"))).rejects.toThrow("Injected fault after m");
  });
});
