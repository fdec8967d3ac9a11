// Every chance of a history: which call goes wrong, how long each takes, how a worker is made. A choice depends on the seed and on the name
// of what it is about, e.g. `w1.transact#4`, so that leaving one fault out disturbs the others little: that is what makes shrinking work.

import { streamOf } from "../seeded.ts";

/** A kind of thing that goes wrong. */
export type FaultKind =
  /** A worker dies: all its memory is gone, its promises never go on. */
  | "crash"
  /** A worker stands still past its lease, then goes on where it was. */
  | "zombie"
  /** Workers' clocks differ, by up to 40 s. */
  | "clock-skew"
  /** A call to the store or its queue is refused: nothing of it happened. */
  | "store-error"
  /** A call to the store takes effect, and its answer is lost: the outcome is unknown to the caller. */
  | "lost-answer"
  /** A call to the store, or its answer, is under way for up to 90 s. */
  | "slow-call"
  /** The same command or job arrives twice. */
  | "duplicate"
  /** A worker is not told of a commit. */
  | "lost-wake-up"
  /** An outside call fails: before it did anything, or after, and nobody knows which. */
  | "provider-timeout"
  /** The event sink refuses an event, before or after it took it. */
  | "sink-failure"
  /** A worker does not know the workflow yet; later it is stopped and replaced by one that does. */
  | "rolling-deploy";

/** All kinds, which is what a simulation injects unless told otherwise. */
export const faultKinds: readonly FaultKind[] = [
  "crash",
  "zombie",
  "clock-skew",
  "store-error",
  "lost-answer",
  "slow-call",
  "duplicate",
  "lost-wake-up",
  "provider-timeout",
  "sink-failure",
  "rolling-deploy",
];

/** What goes wrong at one place, as histories name it. */
export type Mishap =
  | "crash-before"
  | "crash-after"
  | "zombie-before"
  | "zombie-after"
  | "refused"
  | "answer-lost"
  | "slow-request"
  | "slow-answer"
  | "twice"
  | "not-told"
  | "skewed"
  | "without-workflow";

/** Which mishaps a kind of fault can be. */
const mishapsOf: Readonly<Record<FaultKind, readonly Mishap[]>> = {
  crash: ["crash-before", "crash-after"],
  zombie: ["zombie-before", "zombie-after"],
  "clock-skew": ["skewed"],
  "store-error": ["refused"],
  "lost-answer": ["answer-lost"],
  "slow-call": ["slow-request", "slow-answer"],
  duplicate: ["twice"],
  "lost-wake-up": ["not-told"],
  "provider-timeout": ["refused", "answer-lost"],
  "sink-failure": ["refused", "answer-lost", "slow-answer"],
  "rolling-deploy": ["without-workflow"],
};

/** The token of a history in which nothing takes any time but what is listed. */
const CALM = "calm";

/** How many things go wrong in a history, and how often. */
interface Mood {
  rate: number;
  most: number;
  kinds: ReadonlySet<FaultKind>;
}

/** The choices of one history: drawn from a seed, or read from a history written down. */
export class Choices {
  readonly seed: number;
  /** True when every call takes the same short time: order is order of asking. */
  readonly isCalm: boolean;
  readonly #given: ReadonlyMap<string, Mishap> | null;
  readonly #mood: Mood;
  readonly #taken = new Map<string, Mishap>();

  /** `history` (as `written` gives it) replays those mishaps and no others. */
  constructor(seed: number, kinds: readonly FaultKind[], history?: string | undefined) {
    this.seed = seed;
    const tokens = history?.split(/\s*;\s*/).filter((token) => token !== "");
    this.isCalm = tokens?.includes(CALM) ?? false;
    this.#given = tokens ? new Map(tokens.filter((token) => token !== CALM).map(parseToken)) : null;
    const draw = this.stream("mood");
    const rate = [0, 0.01, 0.03, 0.1, 0.3][Math.floor(draw() * 5)]!;
    // a history with few kinds of faults goes deeper into each than one with all of them
    const chosen = draw() < 0.3 ? kinds : kinds.filter(() => draw() < 0.4);
    this.#mood = { rate, most: 1 + Math.floor(draw() * draw() * 14), kinds: new Set(chosen) };
  }

  /** Mishaps of this history so far, by place. */
  get taken(): ReadonlyMap<string, Mishap> {
    return this.#taken;
  }

  /** Random numbers in [0, 1) that belong to one name. */
  stream(name: string): () => number {
    return streamOf(name, this.seed);
  }

  /** A whole number between two others, both included, that belongs to one name. */
  between(name: string, least: number, most: number): number {
    return least + Math.floor(this.stream(name)() * (most - least + 1));
  }

  /** What goes wrong here: one of these kinds, `weight` times as often as usual; null for nothing. */
  mishap(place: string, kinds: readonly FaultKind[], weight = 1): Mishap | null {
    const mishap = this.#given ? (this.#given.get(place) ?? null) : this.#draw(place, kinds, weight);
    if (mishap) this.#taken.set(place, mishap);
    return mishap;
  }

  /** How long a message of this name is under way, in milliseconds. */
  latency(name: string): number {
    if (this.isCalm) return 0.5;
    const draw = this.stream(name);
    const u = draw();
    return u < 0.7 ? draw() * 2 : u < 0.97 ? draw() * 20 : draw() * 400;
  }

  /** The history so far, as text that replays it. */
  written(): string {
    return writeHistory(this.#taken, this.isCalm);
  }

  #draw(place: string, kinds: readonly FaultKind[], weight: number): Mishap | null {
    const { rate, most } = this.#mood;
    if (rate === 0 || this.#taken.size >= most) return null;
    const draw = this.stream(`?${place}`);
    if (draw() >= rate * weight) return null;
    const possible = kinds.filter((kind) => this.#mood.kinds.has(kind)).flatMap((kind) => mishapsOf[kind]);
    return possible[Math.floor(draw() * possible.length)] ?? null;
  }
}

/** A history as text: its mishaps, and whether everything else is calm. */
export function writeHistory(mishaps: Iterable<readonly [string, Mishap]>, isCalm: boolean): string {
  return [...(isCalm ? [CALM] : []), ...[...mishaps].map(([place, mishap]) => `${place}=${mishap}`)].join("; ");
}

function parseToken(token: string): [string, Mishap] {
  const at = token.lastIndexOf("=");
  return [token.slice(0, at), token.slice(at + 1) as Mishap];
}
