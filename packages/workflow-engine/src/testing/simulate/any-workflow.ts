// Any workflow at all: a seed says how many groups it has, what its stages do, and what its client is up to.
import type { AnyStage } from "../../define/stage.ts";
import { FatalError } from "../../errors.ts";
import { streamOf } from "../seeded.ts";
import { chain, type Group, type StepContext, step, waiting } from "../workflows.ts";
import { ask } from "./budget-entry.ts";
import type { CorpusEntry } from "./corpus-entry.ts";
import type { SimulatedCode } from "./watched-workflow.ts";

/** A stage of some kind: one that works, fails at times, takes long, waits, or waits and goes on. */
function someStage(id: string, draw: () => number, { random, sleep, now }: SimulatedCode): AnyStage {
  const kind = Math.floor(draw() * 8);
  const retry = { initialMs: 100, maxAttempts: 1 + Math.floor(draw() * 4) };
  const pollInterval = 500 + Math.floor(draw() * 20_000);
  const output = (ctx: { executionId: string; input: unknown }) => ({ by: ctx.executionId, after: ctx.input });
  if (kind <= 1) return step(id, output, { retry });
  if (kind === 2) {
    return step(id, (ctx) => {
      if (random() < 0.4) throw random() < 0.2 ? new FatalError("fatal") : new Error("at times");
      return output(ctx);
    });
  }
  if (kind === 3) {
    return step(
      id,
      async (ctx) => {
        await sleep(random() * 8_000, ctx.signal);
        return output(ctx);
      },
      { retry, timeoutMs: 5_000 },
    );
  }
  if (kind === 7) return ask(id);
  const isOver = (): boolean => random() < 0.4;
  if (kind === 4) return waiting(id, () => ({ ready: isOver(), output: { at: now() } }), { pollInterval, maxWaitTime: 300_000 });
  if (kind === 5) {
    const execute = (ctx: StepContext) => (ctx.resumeState === undefined ? undefined : { output: output(ctx) });
    return waiting(id, () => ({ ready: isOver() }), { pollInterval, execute });
  }
  return waiting(id, () => (isOver() ? { ready: false, error: "the provider says no" } : { ready: isOver(), output: 1 }), { pollInterval });
}

/** Any workflow at all, of the seed's making, under a client that cancels and reruns as it likes. */
export const anything: CorpusEntry = {
  name: "anything",
  workflow: (code) => {
    const draw = streamOf("anything", code.seed);
    const groups = Array.from({ length: 1 + Math.floor(draw() * 3) }, (_, group): Group => {
      const stages = Array.from({ length: draw() < 0.5 ? 1 : 1 + Math.floor(draw() * 3) }, (_, i) =>
        someStage(`g${group}s${i}`, draw, code),
      );
      return { stages, onFailure: draw() < 0.3 ? "await" : "abort" };
    });
    return chain("anything", ...groups);
  },
  script: async (client) => {
    const runs = await Promise.all(Array.from({ length: 1 + Math.floor(client.random() * 2) }, () => client.create()));
    for (let round = 0; round < 3; round++) {
      for (const runId of runs) {
        const act = client.random();
        if (act < 0.3) await client.sleep(client.random() * 20_000);
        else if (act < 0.5) await client.cancel(runId, "as it likes");
        else if (act < 0.7) await client.untilEnded(runId).then(() => client.rerunFrom(runId, "g0s0"));
        else if (act < 0.8) await Promise.all([client.cancel(runId), client.cancel(runId)]);
      }
    }
  },
};
