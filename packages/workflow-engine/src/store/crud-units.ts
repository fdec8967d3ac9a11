// The one door on the CRUD port: one unit is one transaction (P4). Its first write bumps the version of the run, so that rivals of other
// processes conflict and begin again; units of one run in this process queue up. A unit that changes nothing is rolled back.
import { errorCodeOf, WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { Changes, Snapshot, Unit } from "../ports/store.ts";
import { applyChanges, changesNothing, type Written } from "./crud-changes.ts";
import { completeUnitKey, takeUnitKey } from "./crud-keys.ts";
import { type LoadedRun, payloadsOf, toLoadedRun, toText } from "./crud-state.ts";

/** What became of a unit. `written` is null when nothing changed, `loaded` when there is no such run. */
export interface UnitEnd<R> {
  result: R;
  written: Written | null;
  loaded: LoadedRun | null;
}

/** How a unit is run. */
export interface UnitOptions {
  /** Times the whole unit begins again after a rival was faster. */
  retries: number;
  /** Shows the rule input and config of the run. */
  hasPayloads?: boolean;
}

/** Called inside the transaction with what was written. */
export type InTransaction = (tx: Persistence, written: Written) => Promise<void>;

const longestPauseMs = 250;

/** A rival was faster: ours, and what Prisma, PostgreSQL (serialization failure, deadlock) and SQLite call it. */
const conflicts: ReadonlySet<string | undefined> = new Set(["STALE_VERSION", "P2034", "40001", "40P01", "SQLITE_BUSY"]);

function isConflict(error: unknown): boolean {
  return conflicts.has(errorCodeOf(error));
}

/** Runs units. */
export class CrudUnits {
  readonly #persistence: Persistence;
  readonly #environment: Environment;
  readonly #also: InTransaction;
  readonly #tails = new Map<string, Promise<unknown>>();

  /** `also` writes what belongs into the same transaction, such as jobs. */
  constructor(persistence: Persistence, environment: Environment, also: InTransaction) {
    this.#persistence = persistence;
    this.#environment = environment;
    this.#also = also;
  }

  /** Runs a unit to its commit. */
  run<R>(unit: Unit<R>, options: UnitOptions): Promise<UnitEnd<R>> {
    const inRun = (): Promise<UnitEnd<R>> => this.#inLine(`run:${unit.runId}`, () => this.#untilDone(unit, options));
    return unit.key ? this.#inLine(`key:${unit.key.commandType}:${unit.key.key}`, inRun) : inRun();
  }

  /** Runs `work` after everything that was put into this line before. */
  #inLine<T>(line: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(line);
    const mine = before ? before.then(work, work) : work();
    this.#tails.set(line, mine);
    const leave = (): void => {
      if (this.#tails.get(line) === mine) this.#tails.delete(line);
    };
    mine.then(leave, leave);
    return mine;
  }

  async #untilDone<R>(unit: Unit<R>, options: UnitOptions): Promise<UnitEnd<R>> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#once(unit, options);
      } catch (error) {
        if (!isConflict(error) || tries >= options.retries) throw error;
        await this.#pause(tries);
      }
    }
  }

  async #once<R>(unit: Unit<R>, options: UnitOptions): Promise<UnitEnd<R>> {
    const unchanged: { end: UnitEnd<R> | null } = { end: null };
    try {
      return await this.#persistence.withTransaction(async (tx) => {
        const end = await this.#inTransaction(tx, unit, options);
        if (end.written) return end;
        unchanged.end = end;
        throw new Error("Nothing changed: rolled back"); // takes back the version and a key held for nothing
      });
    } catch (error) {
      if (unchanged.end) return unchanged.end;
      throw error;
    }
  }

  async #inTransaction<R>(tx: Persistence, unit: Unit<R>, options: UnitOptions): Promise<UnitEnd<R>> {
    const loaded = await lockRun(tx, unit.runId);
    const earlier = unit.key && (await takeUnitKey(tx, unit.key));
    if (earlier) return { result: earlier.answer, written: null, loaded };
    const now = this.#environment.now();
    const changes = this.#ask(unit, loaded, now, options);
    const { result } = changes;
    const isKeyKept = unit.key?.mode === "once" && loaded !== null;
    if (changesNothing(changes) && !isKeyKept) return { result, written: null, loaded };
    const written = await applyChanges(tx, unit.runId, loaded, changes, { now, causationId: this.#causeOf(unit, loaded) });
    await this.#also(tx, written);
    if (unit.key) await completeUnitKey(tx, unit.key, result);
    return { result, written, loaded };
  }

  #ask<R>(unit: Unit<R>, loaded: LoadedRun | null, now: number, options: UnitOptions): Changes<R> {
    const given = new Set<"stages" | "outputs">();
    for (;;) {
      const changes = unit.decide(snapshotOf(unit, loaded, given, this.#environment.newId(), options), now);
      if (!changes.need) return changes;
      if (given.has(changes.need)) throw new WorkflowEngineError("STORE_REFUSED", `The rule needs "${changes.need}", which it was given`);
      given.add(changes.need);
    }
  }

  #causeOf(unit: Unit<unknown>, loaded: LoadedRun | null): string {
    const stage = loaded?.stages.find(({ stageId }) => stageId === unit.stage?.stageId);
    return stage?.executionId ?? this.#environment.newId();
  }

  /** The first tries follow at once; later ones wait a little, and not all equally long. */
  #pause(tries: number): Promise<void> {
    const environment = this.#environment;
    if (tries < 2) return new Promise((resolve) => environment.defer(resolve));
    const ms = Math.ceil(environment.random() * Math.min(longestPauseMs, 2 ** tries));
    return new Promise((resolve) => void environment.setTimer(ms, resolve));
  }
}

/** Takes the run for this transaction, then reads it and its stages; null when there is no such run. */
async function lockRun(tx: Persistence, runId: string): Promise<LoadedRun | null> {
  const found = await tx.getRun(runId);
  if (!found) return null;
  const version: number | undefined = found.version;
  // a store without versions: writing the row locks it, and what was read before may be old
  await tx.updateRun(runId, version === undefined ? {} : { expectedVersion: version });
  const record = version === undefined ? await tx.getRun(runId) : found;
  return record && toLoadedRun(record, await tx.getStagesByRun(runId));
}

function snapshotOf(
  unit: Unit<unknown>,
  loaded: LoadedRun | null,
  given: ReadonlySet<string>,
  freshId: string,
  options: UnitOptions,
): Snapshot {
  const stage = loaded?.stages.find(({ stageId, item }) => stageId === unit.stage?.stageId && item === unit.stage.item);
  const snapshot: Snapshot = { run: loaded && { ...loaded.run }, stage: stage ? { ...stage } : null, freshId };
  if (!loaded) return { ...snapshot, ...(given.has("stages") && { stages: [] }), ...(given.has("outputs") && { outputs: {} }) };
  if (options.hasPayloads) snapshot.payloads = { ...payloadsOf(loaded.record, []) };
  if (given.has("stages")) snapshot.stages = loaded.stages.map((state) => ({ ...state }));
  if (given.has("outputs")) {
    const ended = loaded.stageRecords.filter(({ executionGroup, status }) => executionGroup === loaded.run.group && status === "COMPLETED");
    snapshot.outputs = Object.fromEntries(ended.map((record) => [record.stageId, toText(record.outputData)]));
  }
  return snapshot;
}
