// One history while it happens: the time, the chances, the processes, and what was seen. What goes wrong in it is a choice; everything
// else is the real engine.
import { realEnvironment } from "../../environment.ts";
import type { Environment } from "../../ports/environment.ts";
import type { Choices, FaultKind, Mishap } from "./choices.ts";
import { PlatformQueue } from "./function-worker.ts";
import { Sightings } from "./sightings.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import { VirtualTime } from "./virtual-time.ts";

/** Code that has said nothing for this long, e.g. because it waits for an abort that came and went, is waited for no more. Milliseconds. */
const longestSilenceMs = 10 * 60_000;

/** Everything of one history. */
export class World {
  readonly choices: Choices;
  readonly time: VirtualTime;
  readonly seen = new Sightings();
  readonly processes: SimulatedProcess[] = [];
  /** The queue of a platform that calls functions, where there is one. */
  readonly queue: PlatformQueue = new PlatformQueue(this);
  /** What happened, as lines for people; null when nobody reads them. */
  readonly story: string[] | null;
  /** Whose call a store is carrying out: leases are judged by the host's clock. */
  caller: SimulatedProcess | null = null;
  /** Messages that are on their way for long. */
  slowMessages = 0;
  /** True when the store answers over a network: virtual time then waits for its answers. */
  isRemote = false;
  /** Calls to such a store whose answer is awaited. */
  remoteCalls = 0;
  /** When anything last changed. */
  changedAt: number;
  readonly #startedAt: number;
  #ids = 0;

  constructor(choices: Choices, isTold: boolean) {
    this.choices = choices;
    this.story = isTold ? [] : null;
    this.time = new VirtualTime(() => this.#isBusy());
    this.#startedAt = this.time.now;
    this.changedAt = this.time.now;
  }

  /** The world as a store of its own sees it: its timers outlive every process. */
  storeEnvironment(): Environment {
    const { time } = this;
    return {
      now: () => Math.floor(time.now) + (this.caller?.skewMs ?? 0),
      setTimer: (ms, fire) => time.at(time.now + Math.max(0, ms), null, fire),
      defer: (run) => time.defer(run),
      random: this.choices.stream("store.random"),
      newId: () => this.newId(),
    };
  }

  /** An id that is new, of the shape of UUID version 7. */
  newId(): string {
    const at = Math.floor(this.time.now).toString(16).padStart(12, "0");
    const tail = (this.#ids += 1).toString(16).padStart(12, "0");
    return `${at.slice(0, 8)}-${at.slice(8)}-7000-8000-${tail}`;
  }

  /** Starts a process. */
  open(label: string, isMortal: boolean): SimulatedProcess {
    const isSkewed = isMortal && this.choices.mishap(label, ["clock-skew"], 8) !== null;
    const skewMs = isSkewed ? this.choices.between(`${label}.skew`, -20_000, 20_000) : 0;
    const process = new SimulatedProcess(this, label, { skewMs, isMortal });
    if (isSkewed) this.tell(label, `starts with a clock that is ${Math.abs(skewMs) / 1000} s ${skewMs < 0 ? "slow" : "fast"}`, true);
    this.processes.push(process);
    return process;
  }

  /** What goes wrong with something a process does; noted, when anything does. */
  mishap(process: SimulatedProcess, place: string, kinds: readonly FaultKind[], weight = 1): Mishap | null {
    const mishap = this.choices.mishap(place, kinds, weight);
    if (mishap === null) return null;
    process.isDisturbed = true;
    this.changedAt = this.time.now;
    return mishap;
  }

  /** Lets a process stand still. */
  pause(process: SimulatedProcess, ms: number): void {
    process.pausedUntil = Math.max(process.pausedUntil, this.time.now + ms);
  }

  /** Adds a line to the story. */
  tell(who: string, what: string, isFault = false): void {
    if (!this.story) return;
    const at = ((this.time.now - this.#startedAt) / 1000).toFixed(3).padStart(9);
    this.story.push(`${at} s  ${isFault ? "!" : " "} ${who.padEnd(7)} ${what}`);
  }

  /** True when nothing is on its way that could still change anything, apart from ticks. */
  get isStill(): boolean {
    const { now } = this.time;
    const isSilent = now - this.changedAt > longestSilenceMs;
    const isIdle = ({ isAlive, pausedUntil, codeUnderWay }: SimulatedProcess): boolean =>
      !isAlive || (pausedUntil <= now && (codeUnderWay === 0 || isSilent));
    return this.slowMessages === 0 && this.processes.every(isIdle);
  }

  /** Waits for something that is not part of the history, e.g. a look at the rows. */
  async aside<T>(work: () => Promise<T>): Promise<T> {
    let isDone = false;
    const watched = work().finally(() => {
      isDone = true;
    });
    watched.catch(() => undefined);
    while (!isDone) await this.time.settle();
    return watched;
  }

  #isBusy(): boolean {
    if (this.remoteCalls > 0) return true;
    return this.processes.some((one) => one.isAlive && one.codeUnderWay > one.codeWaiting && realEnvironment.now() < one.patienceUntil);
  }
}
