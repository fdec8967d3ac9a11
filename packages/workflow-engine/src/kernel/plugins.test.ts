// Plugins as a sink of several consumers.
import { describe, expect, it, vi } from "vitest";
import type { KernelEvent } from "../ports/event.ts";
import { createPluginRunner, definePlugin } from "./plugins.ts";

const event = (type: "workflow:started" | "workflow:cancelled"): KernelEvent => ({ type, timestamp: new Date(0), workflowRunId: "r1" });

describe("createPluginRunner", () => {
  it("P18: each plugin is a consumer of its own, for the types it names", async () => {
    const handle = vi.fn();
    const runner = createPluginRunner({ plugins: [definePlugin({ id: "p", name: "P", on: ["workflow:started"], handle })] });
    const [consumer] = runner.consumers;
    expect([consumer?.id, runner.maxRetries]).toEqual(["p", 3]);
    expect([consumer?.accepts(event("workflow:started")), consumer?.accepts(event("workflow:cancelled"))]).toEqual([true, false]);
    await runner.emit(event("workflow:cancelled"));
    await runner.emit(event("workflow:started"));
    expect(handle.mock.calls).toEqual([[event("workflow:started")]]);
  });

  it("a plugin keeps its `this`", async () => {
    const plugin = {
      id: "p",
      name: "P",
      on: ["workflow:started"] as const,
      seen: 0,
      handle() {
        this.seen++;
      },
    };
    await createPluginRunner({ plugins: [plugin], maxRetries: 1 }).emit(event("workflow:started"));
    expect(plugin.seen).toBe(1);
  });

  it("P18: progress is kept by id, so an id is used once", () => {
    const plugin = definePlugin({ id: "p", name: "P", on: [], handle: () => undefined });
    expect(() => createPluginRunner({ plugins: [plugin, plugin] })).toThrow(
      expect.objectContaining({ code: "INVALID_DEFINITION", message: 'Plugin id "p" is used twice. Give each plugin an id of its own.' }),
    );
  });
});
