// Asks a rule what to do: loads the snapshot, and what the rule says it needs, until it answers with changes.
import { WorkflowEngineError } from "../errors.ts";
import type { Changes, Decide, JsonText, RunPayloads, Snapshot, Unit } from "../ports/store.ts";
import { stageRecordId } from "../store/record-ids.ts";
import { copyStage } from "./apply-changes.ts";
import type { MemoryTables, StageRow } from "./memory-tables.ts";
import { compareText } from "./table.ts";

/** What a rule is asked about. */
export interface Question {
  runId: string;
  stage?: Unit<unknown>["stage"];
  payloads?: RunPayloads;
}

/** Every stage of a run by group, number and item. */
export function stagesInOrder(tables: MemoryTables, runId: string): StageRow[] {
  return tables.stages.by("run", runId).sort(compareStages);
}

/** Orders stages as they run. */
export function compareStages(a: StageRow, b: StageRow): number {
  return a.state.group - b.state.group || a.state.number - b.state.number || a.state.item - b.state.item || compareText(a.id, b.id);
}

/** The output of a stage that has COMPLETED: one that left none left null (P6). */
export function outputOf(row: StageRow): JsonText {
  return row.payloads.output ?? "null";
}

/** Calls the rule until it needs nothing more. */
export function askRule<R>(tables: MemoryTables, question: Question, decide: Decide<R>, now: number, newId: () => string): Changes<R> {
  const loaded = new Set<"stages" | "outputs">();
  for (;;) {
    const changes = decide(snapshotOf(tables, question, loaded, newId()), now);
    if (!changes.need) return changes;
    if (loaded.has(changes.need)) throw new WorkflowEngineError("STORE_REFUSED", `The rule needs "${changes.need}", which it was given`);
    loaded.add(changes.need);
  }
}

/** What every stage of a run reads; null when there is no such run. */
export function payloadsOf(tables: MemoryTables, runId: string): RunPayloads | null {
  const run = tables.runs.get(runId);
  if (!run) return null;
  const completed = stagesInOrder(tables, runId).filter((row) => row.state.status === "COMPLETED");
  return {
    input: run.input,
    config: run.config,
    outputs: Object.fromEntries(completed.map((row) => [row.state.stageId, outputOf(row)])),
    groups: Object.fromEntries(completed.map((row) => [row.state.stageId, row.state.group])),
  };
}

function snapshotOf(tables: MemoryTables, question: Question, loaded: ReadonlySet<string>, freshId: string): Snapshot {
  const run = tables.runs.get(question.runId);
  const stage = question.stage && tables.stages.get(stageRecordId(question.runId, question.stage.stageId, question.stage.item));
  const snapshot: Snapshot = { run: run ? { ...run.state } : null, stage: stage ? copyStage(stage.state) : null, freshId };
  if (question.payloads) snapshot.payloads = question.payloads;
  if (loaded.has("stages")) snapshot.stages = stagesInOrder(tables, question.runId).map((row) => copyStage(row.state));
  if (loaded.has("outputs")) {
    const ended = stagesInOrder(tables, question.runId).filter(
      (row) => row.state.group === run?.state.group && row.state.status === "COMPLETED",
    );
    snapshot.outputs = Object.fromEntries(ended.map((row) => [row.state.stageId, outputOf(row)]));
  }
  return snapshot;
}
