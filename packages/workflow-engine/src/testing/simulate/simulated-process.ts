// A process of a history: its clock, its timers and its end. Once dead, nothing of it goes on; while it stands still, nothing of it happens.
import { realEnvironment } from "../../environment.ts";
import type { Environment } from "../../ports/environment.ts";
import type { Choices } from "./choices.ts";
import type { Owner, VirtualTime } from "./virtual-time.ts";

/** How long code that really waits, e.g. for a socket, is waited for before virtual time goes on. Real milliseconds. */
const patienceMs = 50;

/** What a process needs of its world. */
export interface ProcessWorld {
  readonly time: VirtualTime;
  readonly choices: Choices;
  newId(): string;
}

/** A process of a history: a worker's or a client's. Once dead, nothing of it goes on. */
export class SimulatedProcess implements Owner {
  readonly label: string;
  readonly environment: Environment;
  /** What its clock is ahead of the world's, in milliseconds. */
  readonly skewMs: number;
  /** Faults of the kinds that can befall it; a client neither dies nor stands still. */
  readonly isMortal: boolean;
  isAlive = true;
  pausedUntil = 0;
  /** True once anything has gone wrong for it that may cost it a lease. */
  isDisturbed = false;
  /** User code under way, how much of it waits in virtual time, and until when the rest is waited for, in real time. */
  codeUnderWay = 0;
  codeWaiting = 0;
  patienceUntil = 0;
  readonly #counts = new Map<string, number>();
  readonly #onDeath: Array<() => void> = [];

  constructor(world: ProcessWorld, label: string, options: { skewMs: number; isMortal: boolean }) {
    this.label = label;
    this.skewMs = options.skewMs;
    this.isMortal = options.isMortal;
    const random = world.choices.stream(`${label}.random`);
    this.environment = {
      now: () => Math.floor(world.time.now) + this.skewMs,
      setTimer: (ms, fire) => (this.isAlive ? world.time.at(world.time.now + Math.max(0, ms), this, fire) : () => undefined),
      defer: (run) => void world.time.at(world.time.now, this, run),
      random,
      newId: () => world.newId(),
    };
  }

  /** Names the next thing of this kind that this process does. */
  place(what: string): string {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    return `${this.label}.${what}#${count}`;
  }

  /** Loses everything; tells those who start its successor. */
  die(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.isDisturbed = true;
    for (const tell of this.#onDeath) tell();
  }

  onDeath(tell: () => void): void {
    this.#onDeath.push(tell);
  }

  /** Counts user code that has begun; the answer ends it. */
  beginCode(): () => void {
    this.codeUnderWay++;
    this.patienceUntil = realEnvironment.now() + patienceMs;
    return () => void this.codeUnderWay--;
  }
}
