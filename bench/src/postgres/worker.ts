// A worker process: opens the worker half of one engine, says what has ended, once a turn of the event loop, and ends with its parent.
import { TimerCounter } from "../measure/timer-counter.ts";
import type { Halves, Worker } from "./halves.ts";
import type { Question, Said, WorkerOrder } from "./messages.ts";

const say = (said: Said): void => void process.send?.(said);

/** Gathers ends until the turn is over, since a message an end would cost more than the end. */
class EndsTold {
  #count = 0;
  #ids: string[] = [];
  #isDue = false;

  readonly add = (runs: number | readonly string[]): void => {
    if (typeof runs === "number") this.#count += runs;
    else this.#ids.push(...runs);
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#tell());
  };

  #tell(): void {
    this.#isDue = false;
    if (this.#count > 0) say({ ended: this.#count });
    if (this.#ids.length > 0) say({ ended: this.#ids });
    this.#count = 0;
    this.#ids = [];
  }
}

async function answer(worker: Worker, timers: TimerCounter, question: Question): Promise<Said> {
  if (question === "work") await worker.work();
  if (question === "close") await worker.close();
  if (question !== "usage") return { answer: null };
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return { answer: { cpuUs: userCPUTime + systemCPUTime, wakeUps: timers.wakeUps } };
}

async function run({ module, url, shapes, isCounting }: WorkerOrder): Promise<void> {
  const timers = isCounting ? TimerCounter.install() : new TimerCounter();
  const { halves } = (await import(module)) as { halves: Halves };
  const worker = await halves.openWorker({ url, shapes, ended: new EndsTold().add });
  process.on("message", (question: Question) => {
    answer(worker, timers, question).then(say, (error: unknown) => say({ error: String(error) }));
  });
  say({ answer: null });
}

process.on("disconnect", () => process.exit(0));
run(JSON.parse(process.argv[2] ?? "null") as WorkerOrder).catch((error: unknown) => {
  say({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
});
