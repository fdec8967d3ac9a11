// Between a process and its ports: every call is a message that is under way for a while, and an answer that is. Between any two of them
// the process may die or stand still, and what it asked for may happen all the same.
import { InjectedFault } from "../faults.ts";
import type { FaultKind, Mishap } from "./choices.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** What can go wrong with a call to a store. */
const storeFaults: readonly FaultKind[] = ["crash", "zombie", "store-error", "lost-answer", "slow-call"];
/** The same for a process that neither dies nor stands still. */
const clientFaults: readonly FaultKind[] = ["store-error", "lost-answer", "slow-call"];

/** Calls that ticks make all the time: a fault in one of them is rarely interesting. */
const routine: ReadonlySet<string> = new Set([
  "listLost",
  "listStale",
  "listLeased",
  "listStranded",
  "nextWakeAt",
  "sweep",
  "getRunsByStatus",
  "getSuspendedStages",
  "getUnpublishedOutboxEvents",
  "getStagesByRun",
  "getStage",
  "getRun",
  "releaseStaleJobs",
]);
const routineWeight = 0.1;

/** Calls that change rows, or may. */
const changing: ReadonlySet<string> = new Set(["transact", "withTransaction", "emit"]);

/** A call of a process. */
export interface Message<T> {
  /** Method, for people. */
  name: string;
  kinds: readonly FaultKind[];
  weight: number;
  effect: () => Promise<T>;
  /** Says a result in the story; null leaves it out. */
  describe?: (result: T) => string | null;
}

/** Sends a call; what comes of it depends on the history. */
export function send<T>(world: World, process: SimulatedProcess, message: Message<T>): Promise<T> {
  if (!process.isAlive) return new Promise(() => undefined);
  const place = process.place(message.name);
  const mishap = world.mishap(process, place, message.kinds, message.weight);
  // code that waits for this waits in virtual time
  process.codeWaiting++;
  const answered = new Promise<T>((resolve, reject) => new Sending(world, process, message, place, mishap, resolve, reject).begin());
  return answered.finally(() => void process.codeWaiting--);
}

class Sending<T> {
  readonly #world: World;
  readonly #process: SimulatedProcess;
  readonly #message: Message<T>;
  readonly #place: string;
  readonly #mishap: Mishap | null;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    world: World,
    process: SimulatedProcess,
    message: Message<T>,
    place: string,
    mishap: Mishap | null,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.#world = world;
    this.#process = process;
    this.#message = message;
    this.#place = place;
    this.#mishap = mishap;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(): void {
    const { time, choices } = this.#world;
    const arrives = time.now + choices.latency(`${this.#place}>`);
    switch (this.#mishap) {
      case "crash-before":
        this.#tellFault("dies before");
        this.#process.die();
        return;
      case "zombie-before":
        this.#standStill("before");
        time.at(arrives, this.#process, () => this.#arrive());
        return;
      case "refused":
        this.#tellFault("is refused");
        time.at(arrives, this.#process, () => this.#reject(new InjectedFault(this.#message.name, "before")));
        return;
      case "slow-request":
        this.#slowly("the request", null, () => this.#arrive());
        return;
      default:
        // once it is on its way it arrives, whatever becomes of its sender
        time.at(arrives, null, () => this.#arrive());
    }
  }

  #arrive(): void {
    const world = this.#world;
    if (changing.has(this.#message.name)) world.changedAt = world.time.now;
    world.caller = this.#process;
    const answer = this.#message.effect();
    world.caller = null;
    if (world.isRemote) {
      world.remoteCalls++;
      const isAnswered = (): void => void world.remoteCalls--;
      answer.then(isAnswered, isAnswered);
    }
    answer.then(
      (value) => {
        this.#describe(value);
        this.#answer(() => this.#resolve(value));
      },
      (error: unknown) => this.#answer(() => this.#reject(error)),
    );
  }

  #answer(deliver: () => void): void {
    const { time, choices } = this.#world;
    const arrives = time.now + choices.latency(`${this.#place}<`);
    switch (this.#mishap) {
      case "crash-after":
        this.#tellFault("dies after");
        this.#process.die();
        return;
      case "zombie-after":
        this.#standStill("after");
        break;
      case "answer-lost":
        this.#tellFault("gets no answer to");
        deliver = () => this.#reject(new InjectedFault(this.#message.name, "after"));
        break;
      case "slow-answer":
        this.#slowly("the answer", this.#process, deliver);
        return;
      default:
    }
    time.at(arrives, this.#process, deliver);
  }

  #slowly(what: string, owner: SimulatedProcess | null, run: () => void): void {
    const world = this.#world;
    const ms = world.choices.between(`${this.#place}.slow`, 1_000, 90_000);
    world.tell(this.#process.label, `${this.#message.name}: ${what} is under way for ${(ms / 1000).toFixed(1)} s`, true);
    world.slowMessages++;
    world.time.at(world.time.now + ms, null, () => {
      world.slowMessages--;
      world.changedAt = world.time.now;
      if (owner) world.time.at(world.time.now, owner, run);
      else run();
    });
  }

  #standStill(when: string): void {
    const ms = this.#world.choices.between(`${this.#place}.pause`, 20_000, 200_000);
    this.#tellFault(`stands still for ${(ms / 1000).toFixed(1)} s ${when}`);
    this.#world.pause(this.#process, ms);
  }

  #tellFault(what: string): void {
    this.#world.tell(this.#process.label, `${what} ${this.#message.name}`, true);
  }

  #describe(value: T): void {
    if (!this.#world.story || routine.has(this.#message.name)) return;
    const text = this.#message.describe ? this.#message.describe(value) : describe(value);
    if (text !== null) this.#world.tell(this.#process.label, `${this.#message.name} -> ${text}`);
  }
}

/** A port whose calls are messages. `passing` methods are called as they are. */
export function gated<T extends object>(
  world: World,
  process: SimulatedProcess,
  port: T,
  passing: Partial<Record<keyof T & string, unknown>> = {},
): T {
  const kinds = process.isMortal ? storeFaults : clientFaults;
  const methods = new Map<string, unknown>();
  const methodOf = (property: string, member: (...args: unknown[]) => unknown): unknown => {
    const weight = routine.has(property) ? routineWeight : 1;
    return (...args: unknown[]) => send(world, process, { name: property, kinds, weight, effect: async () => member.apply(port, args) });
  };
  return new Proxy(port, {
    get(target, property) {
      if (typeof property !== "string") return Reflect.get(target, property, target);
      if (Object.hasOwn(passing, property)) return passing[property as keyof T & string];
      const known = methods.get(property);
      if (known) return known;
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      const method = methodOf(property, member as (...args: unknown[]) => unknown);
      methods.set(property, method);
      return method;
    },
  });
}

/** The few words of an answer that tell what happened; null when nothing did. */
function describe(value: unknown): string | null {
  if (Array.isArray(value)) {
    const words = value.map((one: unknown) => (isRecord(one) && "stageId" in one ? String(one["stageId"]) : describe(one)));
    return value.length === 0 || words.includes(null) ? null : words.join(", ");
  }
  if (!isRecord(value)) return null;
  const fields = ["stageId" in value ? "stageId" : "workflowRunId", "outcome", "advance", "action", "kind", "cancelled", "fromStageId"];
  const words = fields.flatMap((field) => {
    const word = value[field];
    if (word === undefined || word === null || word === "waiting" || typeof word === "object") return [];
    if (field === "workflowRunId") return [`run ${String(word).slice(-4)}`];
    return [word === true ? field : String(word)];
  });
  const handed = Array.isArray(value["handed"]) ? value["handed"].map((stage) => (isRecord(stage) ? String(stage["stageId"]) : "")) : [];
  if (handed.length > 0) words.push(`goes on with ${handed.join(", ")}`);
  return words.length > 0 ? words.join(", ") : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
