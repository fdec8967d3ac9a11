// A run in memory for property tests: asks a rule what it needs, applies what it answers in the order that `Changes` documents, and
// refuses what no store could hold. Not part of the build.
import type { DraftEvent } from "../../ports/event.ts";
import { isEnded } from "../../ports/status.ts";
import type { AttemptRow, Changes, Decide, JsonText, RunState, StageState } from "../../ports/store.ts";

/** One run and its stages; `now` moves by 1 with every unit. */
export class World {
  run: RunState;
  now = 1_000;
  readonly stages = new Map<string, StageState>();
  readonly outputs = new Map<string, JsonText>();
  readonly events: DraftEvent[] = [];
  readonly attempts: AttemptRow[] = [];
  #ids = 0;

  constructor(run: RunState, stages: readonly StageState[]) {
    this.run = run;
    for (const stage of stages) this.stages.set(stage.stageId, stage);
  }

  /** Decides, applies, answers the result. */
  transact<R>(decide: Decide<R>, stageId?: string): R {
    this.now += 1;
    const changes = this.#ask(decide, stageId);
    this.#apply(changes);
    return changes.result;
  }

  /** Stages of the group that is open. */
  group(): StageState[] {
    return [...this.stages.values()].filter(({ group }) => group === this.run.group);
  }

  /** Events of this type. */
  told(type: DraftEvent["type"]): DraftEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  #ask<R>(decide: Decide<R>, stageId: string | undefined): Changes<R> {
    const loaded = new Set<string>();
    for (;;) {
      const stages = [...this.stages.values()];
      const outputs = this.group().flatMap(({ stageId: id, status }) =>
        status === "COMPLETED" ? [[id, this.outputs.get(id) ?? "null"] as const] : [],
      );
      const changes = decide(
        {
          run: { ...this.run },
          stage: this.stages.get(stageId ?? "") ?? null,
          freshId: `fresh-${++this.#ids}`,
          ...(loaded.has("stages") && { stages }),
          ...(loaded.has("outputs") && { outputs: Object.fromEntries(outputs) }),
        },
        this.now,
      );
      if (!changes.need) return changes;
      if (loaded.has(changes.need)) throw new Error(`asks for ${changes.need} again`);
      loaded.add(changes.need);
    }
  }

  #apply(changes: Changes<unknown>): void {
    this.attempts.push(...(changes.attempts ?? []));
    if (changes.endOpen) {
      for (const [id, stage] of this.stages) {
        if (!isEnded(stage.status)) this.stages.set(id, { ...stage, status: changes.endOpen, lease: null, readyAt: null, pollAt: null });
      }
    }
    for (const { stageId, set, payloads } of changes.stages ?? []) {
      const stage = this.stages.get(stageId);
      if (!stage) throw new Error(`there is no stage ${stageId}`);
      this.stages.set(stageId, { ...stage, ...set });
      if (payloads?.output) this.outputs.set(stageId, payloads.output);
    }
    for (const stage of changes.open ?? []) {
      if (this.stages.has(stage.stageId)) throw new Error(`stage ${stage.stageId} is open already`);
      this.stages.set(stage.stageId, stage);
    }
    const { output: _, ...set } = changes.run ?? {};
    this.run = { ...this.run, ...set, version: this.run.version + 1 };
    this.events.push(...(changes.events ?? []));
  }
}
