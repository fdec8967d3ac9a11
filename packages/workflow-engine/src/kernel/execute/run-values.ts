// What a stage reads: the run's input, its own config, and the outputs of earlier groups (P6). Parsed afresh for each execution, and only
// when looked at, so that the two hundredth stage of a run costs what the third does.
import type { PlannedGroup, WorkflowPlan } from "../../define/plan.ts";
import { type PlannedStage, takesInput } from "../../define/plan.ts";
import type { BlobStore } from "../../ports/blob-store.ts";
import type { JsonText, RunPayloads } from "../../ports/store.ts";
import { composeOutput } from "../rules/advance.ts";
import type { Awaitable } from "./awaitable.ts";
import { isStoredAsBlob, loadPayload } from "./payloads.ts";

/** What one execution reads, before its schemas have seen it. */
export interface RunValues {
  input: unknown;
  config: unknown;
  workflowContext: Record<string, unknown>;
}

/** Reads the values of one stage; big outputs are fetched from the blob store first, because authors read them synchronously. */
export function readRunValues(
  plan: WorkflowPlan,
  planned: PlannedStage,
  payloads: RunPayloads,
  config: Record<string, unknown> | undefined,
  blobStore: BlobStore,
): Awaitable<RunValues> {
  const stored = blobStagesOf(payloads);
  if (stored.length === 0) return valuesOf(plan, planned, payloads, config, blobStore, null);
  return fetchOutputs(stored, planned.executionGroup, payloads, blobStore).then((fetched) =>
    valuesOf(plan, planned, payloads, config, blobStore, fetched),
  );
}

function valuesOf(
  plan: WorkflowPlan,
  planned: PlannedStage,
  payloads: RunPayloads,
  configs: Record<string, unknown> | undefined,
  blobStore: BlobStore,
  fetched: Map<string, unknown> | null,
): Awaitable<RunValues> {
  const config = configs ? (configs[planned.stageId] ?? {}) : configOf(payloads, planned.stageId);
  const workflowContext = lazyOutputs(payloads, planned.executionGroup, fetched);
  const input = inputOf(plan, planned, payloads, workflowContext, blobStore);
  return input instanceof Promise ? input.then((late) => ({ input: late, config, workflowContext })) : { input, config, workflowContext };
}

/** Outputs that are looked through for each stage; of more it is remembered what was found. */
const few = 16;

/** Stages whose outputs are kept in the blob store, of runs with many outputs: those are looked through once, not once a stage. */
const blobStages = new WeakMap<RunPayloads, string[]>();

const noStages: readonly string[] = [];

/** Config maps of runs that were taken apart, once a run. */
const configs = new WeakMap<RunPayloads, Map<string, string>>();

/** The one asked for last: runs that follow each other mostly have the same. */
let latest: { text: string; texts: Map<string, string> } = { text: "{}", texts: new Map() };

function blobStagesOf(payloads: RunPayloads): readonly string[] {
  const known = blobStages.get(payloads);
  if (known) return known;
  const { outputs } = payloads;
  let count = 0;
  let found: string[] | null = null;
  for (const id in outputs) {
    count++;
    if (isStoredAsBlob(outputs[id]!)) (found ??= []).push(id);
  }
  if (count > few) blobStages.set(payloads, (found ??= []));
  return found ?? noStages;
}

function configTextsOf(payloads: RunPayloads): Map<string, string> {
  const { config } = payloads;
  if (latest.text === config) return latest.texts;
  let texts = configs.get(payloads);
  if (!texts) {
    const byStage = JSON.parse(config) as Record<string, unknown>;
    texts = new Map(Object.entries(byStage).map(([id, own]) => [id, JSON.stringify(own)]));
    configs.set(payloads, texts);
  }
  latest = { text: config, texts };
  return texts;
}

function configOf(payloads: RunPayloads, stageId: string): unknown {
  const text = configTextsOf(payloads).get(stageId);
  return text === undefined ? {} : JSON.parse(text);
}

function inputOf(
  plan: WorkflowPlan,
  planned: PlannedStage,
  payloads: RunPayloads,
  context: Record<string, unknown>,
  blobStore: BlobStore,
): Awaitable<unknown> {
  if (!takesInput(planned.stage)) return {};
  const before = plan.getGroup(planned.executionGroup - 1);
  if (!before) return loadPayload(payloads.input, blobStore);
  let isStored = false;
  for (const { stageId } of before.stages) {
    const output = payloads.outputs[stageId];
    if (output === undefined) {
      throw new Error(`Stage "${planned.stageId}" cannot start: the output of stage "${stageId}" before it is not stored.`);
    }
    isStored ||= isStoredAsBlob(output);
  }
  return isStored ? fetchedOutputs(before, context) : JSON.parse(composeOutput(before, payloads.outputs));
}

/** What `composeOutput` gives, of outputs that have been fetched. */
function fetchedOutputs({ stages, isParallel }: PlannedGroup, context: Record<string, unknown>): unknown {
  const values = stages.map(({ stageId }) => [stageId, context[stageId]] as const);
  return isParallel ? Object.fromEntries(values) : values[0]![1];
}

/** Adds the output of a stage that has ended to what the stages after it read. */
export function addOutput(payloads: RunPayloads, stageId: string, group: number, text: JsonText): void {
  if (isStoredAsBlob(text)) blobStages.get(payloads)?.push(stageId);
  payloads.outputs[stageId] = text;
  payloads.groups[stageId] = group;
}

/** Values of these stages that a stage of `group` may read. */
async function fetchOutputs(
  stored: readonly string[],
  group: number,
  payloads: RunPayloads,
  blobStore: BlobStore,
): Promise<Map<string, unknown>> {
  const fetched = new Map<string, unknown>();
  for (const id of stored.filter((each) => (payloads.groups[each] ?? 0) < group)) {
    fetched.set(id, await loadPayload(payloads.outputs[id]!, blobStore));
  }
  return fetched;
}

/** An object of outputs by stage id whose values are parsed at first sight. */
function lazyOutputs(payloads: RunPayloads, group: number, fetched: Map<string, unknown> | null): Record<string, unknown> {
  return new Proxy<Record<string, unknown>>({}, new EarlierOutputs(payloads, group, fetched));
}

/** Shows the outputs of groups before `group`. */
class EarlierOutputs implements ProxyHandler<Record<string, unknown>> {
  readonly #payloads: RunPayloads;
  readonly #group: number;
  #values: Map<string, unknown> | null;

  constructor(payloads: RunPayloads, group: number, fetched: Map<string, unknown> | null) {
    this.#payloads = payloads;
    this.#group = group;
    this.#values = fetched;
  }

  has(_: unknown, id: string | symbol): boolean {
    return this.#isVisible(id);
  }

  get(target: object, id: string | symbol): unknown {
    return this.#isVisible(id) ? this.#outputOf(id) : Reflect.get(target, id);
  }

  ownKeys(): string[] {
    return Object.keys(this.#payloads.outputs).filter((id) => this.#isVisible(id));
  }

  getOwnPropertyDescriptor(_: unknown, id: string | symbol): PropertyDescriptor | undefined {
    return this.#isVisible(id) ? { value: this.#outputOf(id), enumerable: true, configurable: true, writable: true } : undefined;
  }

  #isVisible(id: string | symbol): id is string {
    return typeof id === "string" && (this.#payloads.groups[id] ?? this.#group) < this.#group;
  }

  #outputOf(id: string): unknown {
    this.#values ??= new Map();
    if (!this.#values.has(id)) this.#values.set(id, JSON.parse(this.#payloads.outputs[id]!));
    return this.#values.get(id);
  }
}
