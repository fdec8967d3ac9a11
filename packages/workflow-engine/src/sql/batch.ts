// One transaction of the door: lock and load the runs of all its units, decide in the order of arrival so that later units see
// earlier ones, then write one statement a table (P2, P4). A decision that throws leaves the batch before anything of it is folded.
import { WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import type { Changes, Decide, RunPayloads, Snapshot, Unit, UnitKey } from "../ports/store.ts";
import { Failure } from "../store/coalescer.ts";
import { isKeyWritten } from "../store/unit-key.ts";
import type { Row, Session } from "./db.ts";
import { checkChanges, fold, missingStages, RunDraft, stageKey } from "./draft.ts";
import { byId, flushDrafts } from "./flush.ts";
import { isOwn, Own, own } from "./own-error.ts";
import type { Remembered } from "./remembered.ts";
import type { SignalDraft } from "./signal-draft.ts";
import { checkRunRow, checkRuns } from "./tables/run-writes.ts";
import { lockRuns, readRunState, runStateWidth } from "./tables/runs.ts";
import { loadGroupOutputs, loadRunStages, loadStages, readStageState } from "./tables/stages.ts";
import { UnitKeys } from "./unit-keys.ts";

/** What became of a unit. */
export type Decided<R> = R | Failure;

/** What a rule is given beside the run and its stage. */
type Loaded = Pick<Snapshot, "payloads" | "stages" | "outputs">;

/** Decisions of one transaction, folded and not all written yet. */
export class Batch {
  readonly session: Session;
  readonly environment: Environment;
  readonly now: number;
  readonly signal: SignalDraft;
  readonly remembered: Remembered;
  readonly newId = (): string => this.environment.newId();
  readonly #drafts = new Map<string, RunDraft>();
  readonly #keys = new UnitKeys();

  constructor(session: Session, environment: Environment, now: number, signal: SignalDraft, remembered: Remembered) {
    this.session = session;
    this.environment = environment;
    this.now = now;
    this.signal = signal;
    this.remembered = remembered;
  }

  /** The drafts of this batch, all written. */
  get drafts(): Iterable<RunDraft> {
    return this.#drafts.values();
  }

  /** Decides units in order; what throws becomes a Failure of its own. */
  async decideUnits(units: readonly Unit<unknown>[]): Promise<unknown[]> {
    await this.#load(units);
    const results: unknown[] = [];
    for (const unit of units) {
      const result = this.#decide(unit, {});
      results.push(result instanceof Promise ? await result : result);
    }
    return results;
  }

  /** Decides on a run that this transaction has locked and read; what throws becomes a Failure. */
  decideOn<R>(draft: RunDraft, payloads: RunPayloads, decide: Decide<R>): Decided<R> | Promise<Decided<R>> {
    return this.#decide({ runId: draft.runId, decide }, { payloads });
  }

  /** The draft of a run that was locked and read by somebody else; what the batch knew of it is forgotten. */
  adopt(run: RunDraft): RunDraft {
    this.remembered.forget([run.runId]);
    this.#drafts.set(run.runId, run);
    return run;
  }

  /** Writes everything decided so far. */
  async flush(): Promise<void> {
    const dirty: RunDraft[] = [];
    for (const draft of this.#drafts.values()) if (draft.isDirty || draft.isUnchecked) dirty.push(draft);
    if (dirty.length > 0) await flushDrafts(this.session, dirty, this.now, this.newId);
    await this.#keys.flush(this.session, this.now);
  }

  /** Says that rows of these runs, or of any, change past the drafts, which must be written. */
  forget(runIds?: readonly string[]): void {
    this.remembered.forget(runIds);
    if (!runIds) this.#drafts.clear();
    else for (const id of runIds) this.#drafts.delete(id);
  }

  async #load(units: readonly Unit<unknown>[]): Promise<void> {
    const ids: string[] = [];
    const known: RunDraft[] = [];
    const keys: UnitKey<unknown>[] = [];
    const isTrusting = this.remembered.isTrusting();
    for (const { runId: id, key, isNew } of units) {
      const isThere = !(isNew && isTrusting);
      if (key && isThere) keys.push(key);
      if (this.#drafts.has(id)) continue;
      const draft = this.remembered.take(id);
      if (draft) known.push(draft);
      else if (isThere) ids.push(id);
      this.#drafts.set(id, draft ?? new RunDraft(id, null));
    }
    const locked = new Set(ids);
    // sent together: nobody's question waits for somebody else's answer
    await Promise.all([
      this.#lock(ids, known, keys.length > 0),
      this.#loadStages(this.#wantedOf(units, ({ runId }) => locked.has(runId))),
      keys.length > 0 ? this.#keys.load(this.session, keys) : null,
    ]);
    // of a run that was made between the two questions only the stages are seen: to whoever makes it, it is not there
    for (const id of ids) if (!this.#drafts.get(id)!.run) this.#drafts.get(id)!.stages.clear();
    await this.#loadStages(this.#wantedOf(units, ({ runId, run }) => !locked.has(runId) && run !== null));
  }

  /**
   * Locks what is not locked and reads what is not known. Everybody locks in the order of ids, so nobody waits in a circle. Where all is
   * known, whoever writes it finds out whether it still is so: a version only grows, so what was read since belongs to it.
   */
  async #lock(ids: readonly string[], known: readonly RunDraft[], isKeyed: boolean): Promise<void> {
    if (ids.length === 0) {
      // keys are locked by whoever reads them, and everybody locks runs before
      if (isKeyed && this.session.dialect.locksRows) return this.session.send(checkRuns, known.map(checkRunRow).sort(byId));
      for (const draft of known) draft.isUnchecked = true;
      return;
    }
    const all = [...ids, ...known.map((draft) => draft.runId)];
    const rows = await this.session.read(
      lockRuns,
      all.sort().map((id) => [id]),
    );
    for (const row of rows) {
      const id = row[0] as string;
      const eventCount = row[runStateWidth] as number;
      const run = readRunState(row);
      const draft = this.#drafts.get(id)!;
      if (draft.run?.version === run.version && draft.eventCount === eventCount && draft.run.createdAt === run.createdAt) continue;
      const fresh = new RunDraft(id, run, eventCount);
      // its stages may have been read already; those that were remembered are as old as the run
      if (!draft.run) for (const stage of draft.stages.values()) fresh.adopt(stage.state);
      this.#drafts.set(id, fresh);
    }
    const isGone = (id: string): boolean => rows.every((row) => row[0] !== id);
    for (const { runId } of known) if (isGone(runId)) this.#drafts.set(runId, new RunDraft(runId, null));
  }

  /** The stages that units are about and that are not known, of these runs. */
  #wantedOf(units: readonly Unit<unknown>[], isAsked: (draft: RunDraft) => boolean): Row[] {
    const wanted: Row[] = [];
    for (const { runId, stage } of units) {
      const draft = this.#drafts.get(runId)!;
      const isKnown = !stage || draft.stages.has(stageKey(stage.stageId, stage.item));
      if (!isKnown && isAsked(draft)) wanted.push([runId, stage.stageId, stage.item]);
    }
    return wanted;
  }

  async #loadStages(wanted: readonly Row[]): Promise<void> {
    if (wanted.length === 0) return;
    for (const row of await this.session.read(loadStages, wanted)) this.#drafts.get(row[0] as string)!.adopt(readStageState(row));
  }

  /** Decides a unit. Most need nothing that is not here: no promise is made for them. */
  #decide<R>(unit: Unit<R>, loaded: Loaded): Decided<R> | Promise<Decided<R>> {
    const { runId, stage, key, decide } = unit;
    try {
      const earlier = key && this.#keys.check(key, this.now);
      if (earlier) return earlier.answer;
      const draft = this.#drafts.get(runId)!;
      const changes = this.#ask(draft, decide, stage, loaded);
      if (changes.need || changes.deleteRun || missingStages(draft, changes).length > 0 || needsWritten(draft, changes)) {
        return this.#decideLater(unit, loaded, changes);
      }
      const keyAfter = isKeyWritten(key, changes) ? this.#keys.after(key, changes.result, this.now) : null;
      fold(draft, changes, checkChanges(draft, changes), this.now, this.signal);
      if (keyAfter) this.#keys.put(keyAfter);
      return changes.result;
    } catch (error) {
      return new Failure(error);
    }
  }

  /** Goes on from a rule's first answer, reading and writing what that takes. The database's errors are not the unit's. */
  async #decideLater<R>({ runId, stage, key, decide }: Unit<R>, loaded: Loaded, first: Changes<R>): Promise<Decided<R>> {
    try {
      const draft = this.#drafts.get(runId)!;
      const changes = await this.#askUntil(draft, decide, stage, loaded, first);
      const keyAfter = isKeyWritten(key, changes) ? own(() => this.#keys.after(key, changes.result, this.now)) : null;
      await this.#apply(draft, changes);
      if (keyAfter) this.#keys.put(keyAfter);
      return changes.result;
    } catch (error) {
      if (isOwn(error)) return new Failure(error.cause);
      throw error;
    }
  }

  #ask<R>(draft: RunDraft, decide: Decide<R>, stage: Unit<R>["stage"], { payloads, stages, outputs }: Loaded): Changes<R> {
    const known = stage && draft.stages.get(stageKey(stage.stageId, stage.item));
    const freshId = this.environment.newId();
    return decide({ run: draft.run, stage: known ? known.state : null, freshId, payloads, stages, outputs }, this.now);
  }

  /** Asks a rule until it needs nothing more. */
  async #askUntil<R>(draft: RunDraft, decide: Decide<R>, stage: Unit<R>["stage"], loaded: Loaded, first: Changes<R>): Promise<Changes<R>> {
    let changes = first;
    for (let more = loaded; changes.need; ) {
      const { need } = changes;
      if (more[need])
        throw new Own("", { cause: new WorkflowEngineError("STORE_REFUSED", `The rule needs "${need}", which it was given`) });
      // what this batch has decided must be in what it reads
      if (draft.isDirty) await this.flush();
      more = { ...more, [need]: need === "outputs" ? await this.#outputsOf(draft) : await this.#stagesOf(draft) };
      changes = own(() => this.#ask(draft, decide, stage, more));
    }
    return changes;
  }

  async #outputsOf({ runId, run }: RunDraft): Promise<Record<string, string>> {
    const rows = await this.session.read(loadGroupOutputs, [[runId, run?.group ?? 0]]);
    return Object.fromEntries(rows.map(([stageId, output]) => [stageId as string, (output as string | null) ?? "null"]));
  }

  async #stagesOf(draft: RunDraft): Promise<NonNullable<Snapshot["stages"]>> {
    const stages = (await this.session.read(loadRunStages, [[draft.runId]])).map(readStageState);
    for (const stage of stages) draft.adopt(stage);
    return stages;
  }

  async #apply(draft: RunDraft, changes: Changes<unknown>): Promise<void> {
    const missing = missingStages(draft, changes);
    if (needsWritten(draft, changes) || (missing.length > 0 && draft.isDirty)) await this.flush();
    if (missing.length > 0) await this.#loadStages(missing.map(({ stageId, item }) => [draft.runId, stageId, item]));
    const events = own(() => checkChanges(draft, changes));
    fold(draft, changes, events, this.now, this.signal);
    if (changes.deleteRun) await this.flush();
  }
}

/** True when rows end or go by statement, which are those that are written. */
function needsWritten(draft: RunDraft, changes: Changes<unknown>): boolean {
  return (changes.endOpen !== undefined || changes.dropFrom !== undefined) && draft.hasStageWrites;
}
