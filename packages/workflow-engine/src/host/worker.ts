// The job loop of every long-lived host: refills from queue and pending runs when woken, and goes on with the stage it was handed in the
// commit that ended the one before. `concurrency` counts user code, not stages that wait for their commit; how much is leased beyond it
// adapts, and what waits behind slow stages is given back (settled question 6, P15).
import type { ClaimedWork, WorkSession } from "../kernel/session.ts";
import type { Environment } from "../ports/environment.ts";
import type { ExecutionRef, Job } from "../ports/store.ts";
import { Places } from "./places.ts";
import { Window } from "./window.ts";

/** What a worker needs to know. */
export interface WorkerOptions {
  concurrency: number;
  onError(error: unknown): void;
  /** Told of each job whose commit is done. */
  onJob(outcome: string): void;
  /** Jobs it takes in all; no limit when absent. */
  maxJobs?: number | undefined;
}

/** What has waited this long for a place is given back. Milliseconds. */
const longestWaitMs = 1_000;

/** Executes jobs until it is stopped. */
export class Worker {
  readonly #session: WorkSession;
  readonly #environment: Environment;
  readonly #options: WorkerOptions;
  readonly #places: Places;
  readonly #window: Window;
  readonly #leased = new Map<string, Job>();
  /** How many of them have run and wait for their commit. */
  #committing = 0;
  #isRunning = false;
  #isHungry = false;
  #refilling: Promise<void> | null = null;
  #jobsLeft: number;
  #onIdle: Array<() => void> = [];
  #onDrained: Array<() => void> = [];
  #cancelWatch: (() => void) | null = null;

  constructor(session: WorkSession, environment: Environment, options: WorkerOptions) {
    this.#session = session;
    this.#environment = environment;
    this.#options = options;
    this.#places = new Places(options.concurrency);
    this.#window = new Window(options.concurrency);
    this.#jobsLeft = options.maxJobs ?? Number.POSITIVE_INFINITY;
  }

  /** Execution ids this worker knows to be its own. */
  get leased(): ReadonlyMap<string, Job> {
    return this.#leased;
  }

  start(): void {
    this.#isRunning = true;
    this.wake();
  }

  /** There may be work: looks for it as soon as there is room. */
  wake(): void {
    this.#isHungry = true;
    this.#refill();
  }

  /** Resolves when nothing runs and the last look for work found none, or `maxJobs` have been taken. */
  async drained(): Promise<void> {
    if (!this.#isDrained()) await new Promise<void>((resolve) => this.#onDrained.push(resolve));
  }

  #isDrained(): boolean {
    const mayTakeMore = this.#isRunning && this.#isHungry && this.#jobsLeft > 0;
    return this.#leased.size === 0 && this.#refilling === null && !mayTakeMore;
  }

  #tellDrained(): void {
    if (this.#onDrained.length > 0 && this.#isDrained()) for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  /** Takes no more jobs, gives back what waits, and resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#cancelWatch?.();
    this.#cancelWatch = null;
    this.#places.giveUp(Number.POSITIVE_INFINITY);
    await this.#refilling;
    this.#places.giveUp(Number.POSITIVE_INFINITY);
    if (this.#leased.size > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Hands back what still runs: new executions may begin elsewhere, and what these still do is discarded. */
  async abandon(reason: unknown): Promise<void> {
    const refs: ExecutionRef[] = [...this.#leased.values()];
    try {
      await this.#session.release(refs);
    } finally {
      this.#session.abort(refs, reason);
    }
  }

  /** Looks for work once this turn's ends are all in, so that one bite fills the places of all of them. */
  #refill(): void {
    if (this.#refilling || !this.#isRunning) return;
    this.#refilling = new Promise<void>((resolve) => this.#environment.defer(resolve))
      .then(() => this.#bites())
      .catch((error: unknown) => {
        this.#isHungry = false; // the next wake or tick tries again
        this.#options.onError(error);
      })
      .finally(() => {
        this.#refilling = null;
        // a place that came free while the last bite was on its way found this refill still running
        if (this.#isHungry && this.#hasRoom()) this.#refill();
        this.#tellDrained();
      });
  }

  async #bites(): Promise<void> {
    for (let room = this.#room(); this.#isRunning && this.#isHungry && room > 0; room = this.#room()) {
      this.#isHungry = false;
      // one of the two may fail: what the other has leased is executed all the same
      const [taken, claimed] = await this.#ask(room);
      this.#window.answered(this.#environment.now());
      if (taken.status === "fulfilled") this.#take(taken.value, room);
      if (claimed.status === "fulfilled") this.#takeClaimed(claimed.value, room);
      if (taken.status === "rejected") throw taken.reason;
      if (claimed.status === "rejected") throw claimed.reason;
    }
  }

  /** Asks queue and pending runs at once, each for the whole room; one after the other where jobs are counted. */
  async #ask(room: number): Promise<[PromiseSettledResult<Job[]>, PromiseSettledResult<ClaimedWork>]> {
    if (this.#options.maxJobs === undefined) return Promise.allSettled([this.#session.take(room), this.#session.claim(room, room)]);
    const [taken] = await Promise.allSettled([this.#session.take(room)]);
    const left = room - (taken.status === "fulfilled" ? taken.value.length : 0);
    const none: ClaimedWork = { claimed: 0, runIds: [], jobs: [] };
    const [claimed] = await Promise.allSettled([left > 0 ? this.#session.claim(left, left) : Promise.resolve(none)]);
    return [taken, claimed];
  }

  #take(jobs: Job[], room: number): void {
    if (jobs.length >= room) this.#isHungry = true;
    this.#window.brought(jobs.length);
    for (const job of jobs) this.#go(job);
  }

  #takeClaimed({ claimed, jobs }: ClaimedWork, room: number): void {
    if (claimed >= room || (claimed > 0 && jobs.length < claimed)) this.#isHungry = true;
    this.#window.brought(jobs.length);
    for (const job of jobs) this.#go(job);
  }

  #hasRoom(): boolean {
    const { free, waitingCount } = this.#places;
    return this.#jobsLeft > 0 && free > 0 && waitingCount === 0 && this.#window.free(this.#leased.size, this.#committing) > 0;
  }

  /** How many stages to ask for. */
  #room(): number {
    if (!this.#hasRoom()) return 0;
    return Math.min(this.#window.next(), this.#window.free(this.#leased.size, this.#committing), this.#jobsLeft);
  }

  #go(job: Job): void {
    this.#lease(job);
    void this.#work(job);
  }

  #lease(job: Job): void {
    this.#leased.set(job.executionId, job);
    this.#jobsLeft--;
  }

  /** Executes a job and, one after the other, what its commits hand over; of what one commit hands over, the others go beside it. */
  async #work(first: Job): Promise<void> {
    for (let job: Job | undefined = first; job; ) {
      const current: Job = job;
      job = undefined;
      let isInCode = false;
      let isExecuted = false;
      const leave = (): void => {
        if (isInCode) this.#leave();
        isInCode = false;
      };
      try {
        const entered = this.#places.enter(this.#environment.now());
        if (entered !== true) this.#watchWaits();
        const hasPlace = entered === true || (await entered);
        if (hasPlace && this.#isRunning) {
          isInCode = isExecuted = true;
          const { next, outcome } = await this.#session.execute(current, { onCodeEnded: leave, slots: this.#slots });
          this.#options.onJob(outcome);
          job = this.#goOn(next);
        } else await this.#giveBack(current, hasPlace);
      } catch (error) {
        this.#options.onError(error);
      } finally {
        leave(); // a job whose stage this process does not know never came to its code
        if (isExecuted) this.#committing--;
        this.#leased.delete(current.executionId);
      }
    }
    if (this.#isHungry) this.#refill();
    if (this.#leased.size > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
    this.#tellDrained();
  }

  /** Begins what a commit handed over, but for the first, which whoever executed the one before goes on with. */
  #goOn(handed: readonly Job[]): Job | undefined {
    for (let i = 1; i < handed.length; i++) this.#go(handed[i]!);
    if (handed[0]) this.#lease(handed[0]);
    return handed[0];
  }

  async #giveBack(job: Job, hasPlace: boolean): Promise<void> {
    if (hasPlace) this.#places.leave();
    await this.#session.release([job]);
  }

  /** How many stages a commit may hand over. */
  readonly #slots = (): number => {
    if (!this.#isRunning) return 0;
    return Math.min(this.#jobsLeft, Math.max(1, this.#window.bite - this.#leased.size + this.#committing));
  };

  #leave(): void {
    this.#places.leave();
    this.#committing++;
    this.#window.ran(this.#environment.now());
    if (this.#isHungry && this.#places.waitingCount === 0) this.#refill();
  }

  #watchWaits(): void {
    if (this.#cancelWatch || !this.#isRunning) return;
    this.#cancelWatch = this.#environment.setTimer(longestWaitMs, () => {
      this.#cancelWatch = null;
      const givenUp = this.#places.giveUp(this.#environment.now() - longestWaitMs);
      if (givenUp > 0) this.#isHungry = true;
      if (this.#places.waitingCount > 0) this.#watchWaits();
    });
  }
}
