// The workflows and scripts that the engine's own simulations run: every way a run can go, small enough for thousands of histories.

import { FatalError } from "../../errors.ts";
import { chain, step, waiting } from "../workflows.ts";
import { anything } from "./any-workflow.ts";
import { budget } from "./budget-entry.ts";
import type { SimulatedClient } from "./client-process.ts";
import type { CorpusEntry } from "./corpus-entry.ts";

/** Every execution leaves another output, so that nobody else's passes for its own. */
const named = (id: string) => step(id, (ctx) => ({ by: ctx.executionId, after: ctx.input }), { retry: { initialMs: 200 } });

const one = (client: SimulatedClient): Promise<unknown> => client.create();

const sequence: CorpusEntry = {
  name: "sequence",
  workflow: () => chain("sequence", named("a"), named("b"), named("c")),
  script: one,
};

const severalRuns: CorpusEntry = {
  name: "several runs",
  workflow: () => chain("several", named("a"), { stages: [named("b1"), named("b2")] }),
  script: (client) => Promise.all([client.create({ priority: 1 }), client.create({ priority: 9 }), client.create()]),
};

const wide: CorpusEntry = {
  name: "wide parallel",
  workflow: () => {
    const stages = ["p1", "p2", "p3", "p4", "p5", "p6"].map(named);
    return chain("wide", named("first"), { stages }, { stages: [named("q1"), named("q2")], onFailure: "await" }, named("last"));
  },
  script: one,
};

const retry: CorpusEntry = {
  name: "retry",
  workflow: ({ random }) =>
    chain(
      "retry",
      step("shaky", async (ctx) => {
        if (random() < 0.5) throw new Error("shaky");
        return { by: ctx.executionId };
      }),
      {
        stages: [
          named("sound"),
          step("fatal", async (ctx) => {
            if (random() < 0.1) throw new FatalError("fatal");
            return { by: ctx.executionId };
          }),
        ],
      },
      named("end"),
    ),
  script: one,
};

const failing: CorpusEntry = {
  name: "failing",
  workflow: () =>
    chain(
      "failing",
      step("always", () => {
        throw new Error("always");
      }),
    ),
  script: one,
};

const awaited: CorpusEntry = {
  name: "awaited siblings",
  workflow: ({ random, sleep }) =>
    chain(
      "awaited",
      {
        stages: [
          step("fails", async () => {
            if (random() < 0.7) throw new FatalError("no");
            return 1;
          }),
          step("slow", (ctx) => sleep(random() * 3_000, ctx.signal)),
          named("quick"),
        ],
        onFailure: "await",
      },
      named("end"),
    ),
  script: one,
};

const suspend: CorpusEntry = {
  name: "suspend",
  workflow: ({ random, now }) =>
    chain(
      "suspend",
      named("before"),
      {
        stages: [
          waiting(
            "wait",
            (state) => {
              if (random() < 0.1) throw new Error("the network");
              return now() < Number(state.metadata?.["readyAt"]) ? { ready: false } : { ready: true, output: { at: now() } };
            },
            {
              pollInterval: 5_000,
              execute: () =>
                ({
                  suspended: true,
                  state: { batchId: "b", metadata: { readyAt: now() + 90_000 } },
                  pollConfig: { pollInterval: 7_000 },
                }) as never,
            },
          ),
          named("beside"),
        ],
      },
      named("after"),
    ),
  script: one,
};

const resume: CorpusEntry = {
  name: "resume",
  workflow: ({ now }) =>
    chain(
      "resume",
      waiting("ask", () => ({ ready: true }), {
        pollInterval: 3_000,
        execute: (ctx) => (ctx.resumeState === undefined ? undefined : { output: { by: ctx.executionId, at: now() } }),
      }),
      named("after"),
    ),
  script: one,
};

const cancel: CorpusEntry = {
  name: "cancel",
  workflow: ({ sleep, random }) =>
    chain(
      "cancel",
      step("first", (ctx) => sleep(random() * 300, ctx.signal)),
      {
        stages: [
          step("slow", (ctx) => sleep(random() * 5_000, ctx.signal)),
          waiting("wait", () => ({ ready: false }), { maxWaitTime: 60_000 }),
          named("quick"),
        ],
      },
      named("end"),
    ),
  script: async (client) => {
    const runId = await client.create();
    await client.sleep(client.random() * 6_000);
    await client.cancel(runId, "no longer wanted");
  },
};

const rerun: CorpusEntry = {
  name: "rerun",
  workflow: ({ sleep, random }) =>
    chain(
      "rerun",
      named("a"),
      {
        stages: [
          named("b1"),
          step("b2", async (ctx) => {
            await sleep(random() * 2_000, ctx.signal);
            return { by: ctx.executionId };
          }),
        ],
      },
      named("c"),
    ),
  script: async (client) => {
    const runId = await client.create();
    if (client.random() < 0.5) {
      await client.sleep(client.random() * 2_000);
      await client.cancel(runId);
    }
    await client.untilEnded(runId);
    await client.rerunFrom(runId, "a");
    await client.untilEnded(runId);
    if (client.random() < 0.5) await client.rerunFrom(runId, "a");
  },
};

/** A provider's batches: submitted once whatever happens, which the provider can tell by the key it is given. */
const batch: CorpusEntry = {
  name: "batch",
  workflow: ({ call, now }) =>
    chain(
      "batch",
      waiting(
        "batch",
        async (state) => {
          const isReady = await call("batch status", () => now() >= Number(state.metadata?.["readyAt"]));
          return isReady ? { ready: true, output: await call("batch results", () => ({ of: state.batchId })) } : { ready: false };
        },
        {
          pollInterval: 10_000,
          execute: () =>
            ({
              suspended: true,
              state: { batchId: "b", metadata: { readyAt: now() + 45_000 } },
              pollConfig: { pollInterval: 10_000 },
            }) as never,
        },
      ),
      named("after"),
    ),
  script: one,
};

/** What the engine's own simulations run. */
export const corpus: readonly CorpusEntry[] = [
  sequence,
  severalRuns,
  wide,
  retry,
  failing,
  awaited,
  suspend,
  resume,
  cancel,
  rerun,
  batch,
  budget,
  anything,
];
