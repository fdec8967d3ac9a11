// Random command sequences on the engine and on the reference model, compared step by step, on every store. fast-check shrinks a sequence
// on which they differ. 3,000 sequences a store in `npm run prove`, fewer in `npm test`.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recordFigure } from "../../../../../tools/figures.ts";
import { createKernel } from "../../defaults.ts";
import { errorCodeOf, FatalError } from "../../errors.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { createRegistry } from "../../kernel/registry.ts";
import { createFakeEnvironment, type FakeEnvironment } from "../../kernel/testing/fake-environment.ts";
import type { KernelEvent } from "../../ports/event.ts";
import { type SimulatedStore, type StoreName, storeSources } from "../simulate/simulated-store.ts";
import { chain, step, waiting } from "../workflows.ts";
import { type Answer, type CodeEnd, groups, type LookEnd, ReferenceModel, type Step } from "./reference-model.ts";

const isFull = process.env["PROOF"] === "full";
type ModelledStore = Exclude<StoreName, "functions">;
const sequences: Readonly<Record<ModelledStore, number>> = isFull
  ? { memory: 3_000, sqlite: 1_000, storeOver: 1_000 }
  : { memory: 150, sqlite: 40, storeOver: 40 };

/** The engine, told what its code shall do next, and asked what the model is asked. */
class Engine {
  readonly #environment: FakeEnvironment = createFakeEnvironment();
  readonly #events: KernelEvent[] = [];
  readonly #runIds: string[] = [];
  readonly #store: SimulatedStore;
  readonly #kernel: Kernel;
  #codeEnd: CodeEnd = "returns";
  #lookEnd: LookEnd = "not yet";

  constructor(store: SimulatedStore, environment: FakeEnvironment) {
    this.#environment = environment;
    this.#store = store;
    const { persistence, jobTransport, blobStore } = store;
    const eventSink = { emit: (event: KernelEvent) => void this.#events.push(event) };
    const registry = createRegistry([this.#workflow()]);
    this.#kernel = createKernel({ persistence, jobTransport, blobStore, environment, eventSink, registry });
  }

  static async open(name: StoreName): Promise<Engine> {
    const environment = createFakeEnvironment();
    return new Engine(await storeSources[name](environment), environment);
  }

  close(): Promise<void> | undefined {
    return this.#store.close?.();
  }

  async state(): Promise<unknown> {
    while ((await this.#kernel.dispatch({ type: "outbox.flush" })).published > 0);
    return Promise.all(
      this.#runIds.map(async (runId) => {
        const run = await this.#store.persistence.getRun(runId);
        const stages = await this.#store.persistence.getStagesByRun(runId);
        const events = this.#events.filter(({ workflowRunId }) => workflowRunId === runId).map(describeEvent);
        return run && { status: run.status, stages: stages.map(({ stageId, status }) => `${stageId} ${status}`).sort(), events };
      }),
    );
  }

  /** Carries out a command; an error is its code. */
  async apply(step: Step): Promise<Answer> {
    await this.#environment.advance(step.do === "poll" ? 120_000 : 1);
    return this.#answer(step).catch((error: unknown) => errorCodeOf(error) ?? String(error));
  }

  async #answer(step: Step): Promise<Answer> {
    const kernel = this.#kernel;
    if (step.do === "create") return this.#create(step.key, step.priority);
    if (step.do === "claim") {
      const { claimed } = await kernel.dispatch({ type: "run.claimPending", workerId: "w", maxClaims: step.max });
      return `claimed ${claimed.map(({ workflowRunId }) => this.#runIds.indexOf(workflowRunId)).join(" ")}`;
    }
    if (step.do === "poll") {
      this.#lookEnd = step.end;
      const { checked, resumed, failed } = await kernel.dispatch({ type: "stage.pollSuspended" });
      return `looked at ${checked}, resumed ${resumed}, failed ${failed}`;
    }
    if (step.do === "repair") {
      const { transitioned, failed } = await kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 0 });
      return `moved ${transitioned}, failed ${failed}`;
    }
    return this.#ofRun(step, this.#runIds[step.run] ?? "nobody");
  }

  async #ofRun(step: Extract<Step, { run: number }>, workflowRunId: string): Promise<Answer> {
    const kernel = this.#kernel;
    if (step.do === "execute") {
      this.#codeEnd = step.end;
      const command = { type: "job.execute", workflowRunId, workflowId: "model", stageId: step.stage } as const;
      const { outcome, discarded } = await kernel.dispatch(command);
      return discarded ? "refused" : outcome;
    }
    if (step.do === "transition") return (await kernel.dispatch({ type: "run.transition", workflowRunId })).action;
    if (step.do === "cancel")
      return (await kernel.dispatch({ type: "run.cancel", workflowRunId })).cancelled ? "cancelled" : "not cancelled";
    if (step.do === "delete") return (await kernel.dispatch({ type: "run.delete", workflowRunId })).deleted ? "deleted" : "not deleted";
    const { deletedStages } = await kernel.dispatch({ type: "run.rerunFrom", workflowRunId, fromStageId: step.stage });
    return `dropped ${deletedStages.toSorted().join(" ")}`;
  }

  async #create(idempotencyKey: string, priority: number): Promise<Answer> {
    const command = { type: "run.create", idempotencyKey, priority, workflowId: "model", input: {} } as const;
    const { workflowRunId } = await this.#kernel.dispatch(command);
    if (!this.#runIds.includes(workflowRunId)) this.#runIds.push(workflowRunId);
    return `run ${this.#runIds.indexOf(workflowRunId)}`;
  }

  #workflow() {
    const code = (): unknown => {
      if (this.#codeEnd === "throws") throw new FatalError("as told");
      return 1;
    };
    const look = () => {
      if (this.#lookEnd === "gone wrong") return { ready: false, error: "as told" };
      return { ready: this.#lookEnd !== "not yet", ...(this.#lookEnd === "ready" && { output: 1 }) };
    };
    const execute = () => (this.#codeEnd === "waits" ? undefined : { output: code() });
    const w = waiting("w", look, { pollInterval: 1_000, maxWaitTime: 1e12, execute });
    return chain("model", step("a", code), { stages: [step("b", code), w] }, step("c", code));
  }
}

function describeEvent(event: KernelEvent): string {
  return "stageId" in event && event.type !== "workflow:suspended" ? `${event.type} ${event.stageId}` : event.type;
}

const run = fc.constantFrom(0, 0, 0, 0, 1, 2);
const stage = fc.constantFrom(...groups.flat());
const create = fc.record({
  do: fc.constant("create" as const),
  key: fc.constantFrom("k1", "k2", "k3"),
  priority: fc.constantFrom(5, 5, 9),
});
const execute = fc.record({
  do: fc.constant("execute" as const),
  ...{ run, stage },
  end: fc.constantFrom<CodeEnd>("returns", "returns", "waits", "waits", "throws"),
});
const transition = fc.record({ do: fc.constant("transition" as const), run });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: create },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("claim" as const), max: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 9, arbitrary: execute },
  { weight: 5, arbitrary: transition },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const), run }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rerun" as const), run, stage }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("poll" as const), end: fc.constantFrom<LookEnd>("not yet", "ready", "go on", "gone wrong") }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "repair" }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const), run }) },
);

/** Both do the same steps; throws where they differ. A run that does not exist yet is not asked for. */
async function compare(name: StoreName, steps: readonly Step[]): Promise<number> {
  const model = new ReferenceModel();
  const engine = await Engine.open(name);
  let compared = 0;
  try {
    for (const each of steps) {
      if ("run" in each && each.run >= model.size) continue;
      const expected = model.apply(each);
      expect(await engine.apply(each), JSON.stringify(each)).toBe(expected);
      expect(await engine.state(), `after ${JSON.stringify(each)}`).toEqual(model.state);
      compared++;
    }
  } finally {
    await engine.close();
  }
  return compared;
}

const prelude: readonly Step[] = [
  { do: "create", key: "k1", priority: 5 },
  { do: "claim", max: 1 },
  { do: "execute", run: 0, stage: "a", end: "returns" },
  { do: "transition", run: 0 },
];

describe.each(Object.keys(sequences) as ModelledStore[])("the reference model and %s", (name) => {
  it(`agree on ${sequences[name]} random sequences, step by step`, { timeout: 280_000 }, async () => {
    let compared = 0;
    const property = fc.asyncProperty(fc.array(anyStep, { minLength: 20, maxLength: 80 }), async (steps) => {
      compared += await compare(name, [...prelude, ...steps]);
    });
    await fc.assert(property, { numRuns: sequences[name], seed: 7 });
    expect(compared).toBeGreaterThan(sequences[name] * 8);
    const claim = `commands after which the engine was as the reference model, in ${sequences[name]} random sequences`;
    recordFigure({ promise: "Model", claim, figure: compared, store: name });
  });
});
