// Runs as this process left them. While nobody else has written since, what a batch wrote is what the next one would load: a worker
// that settles the stage it was handed a moment ago needs no reading. Whoever writes past the drafts says so here.
import { isEnded } from "../ports/status.ts";
import type { RunDraft } from "./draft.ts";

const MOST_RUNS = 10_000;
const MOST_STAGES = 16;
/** Batches that look first after one that was wrong about what is new. */
const DOUBTS = 100;

/** Drafts of runs that go on, all of them written. */
export class Remembered {
  readonly #drafts = new Map<string, RunDraft>();
  #doubts: number;

  /** `isTrusting`: what is said to be new may be taken to be so, because whoever is wrong is told by the database. */
  constructor(isTrusting = false) {
    this.#doubts = isTrusting ? 0 : Number.POSITIVE_INFINITY;
  }

  /** True when nobody needs to look whether something new is there already. */
  isTrusting(): boolean {
    return this.#doubts === 0;
  }

  /** Something new was there: callers come again with the same keys. */
  doubt(): void {
    if (Number.isFinite(this.#doubts)) this.#doubts = DOUBTS;
  }

  /** Takes a run's draft out: it comes back only when the batch that took it has committed. */
  take(runId: string): RunDraft | undefined {
    const draft = this.#drafts.get(runId);
    if (draft) this.#drafts.delete(runId);
    return draft;
  }

  /** Keeps what a committed batch knows of runs that go on. */
  keep(drafts: Iterable<RunDraft>): void {
    if (this.#doubts > 0) this.#doubts -= 1;
    for (const draft of drafts) {
      if (draft.run?.status !== "RUNNING") continue;
      for (const [key, stage] of draft.stages) if (isEnded(stage.state.status)) draft.stages.delete(key);
      if (draft.stages.size === 0 || draft.stages.size > MOST_STAGES) continue;
      this.#drafts.set(draft.runId, draft);
      // the oldest goes: the order of a Map is that of insertion
      if (this.#drafts.size > MOST_RUNS) this.#drafts.delete(this.#drafts.keys().next().value!);
    }
  }

  /** Forgets these runs, or all: their rows change past the drafts. */
  forget(runIds?: Iterable<string>): void {
    if (!runIds) this.#drafts.clear();
    else for (const id of runIds) this.#drafts.delete(id);
  }
}
