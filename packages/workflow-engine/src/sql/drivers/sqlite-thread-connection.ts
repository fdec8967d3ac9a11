// A connection to a SQLite file in a thread of its own: this thread goes on with stages and decisions while statements run and the disk
// syncs, and no long statement keeps a heartbeat waiting. The thread keeps the process alive only while it owes an answer.
import type { Worker } from "node:worker_threads";
import { Unanswered } from "../db.ts";
import { commit, Disturbed, type SqliteConnection, type SqliteFile, type Step, type StepAnswer } from "./sqlite-connection.ts";
import { type PackedSteps, packSteps } from "./sqlite-message.ts";

/** What the thread is sent. */
export interface ThreadRequest {
  readonly id: number;
  readonly ask: "open" | "run" | "close";
  /** What to run. */
  readonly packed?: PackedSteps;
}

/** What it answers. */
export interface ThreadAnswer {
  readonly id: number;
  readonly answers?: StepAnswer[];
  readonly error?: {
    readonly message: string;
    readonly code: string | undefined;
    readonly errcode: number | undefined;
    readonly errstr: string | undefined;
  };
}

interface Waiting {
  resolve(answers: StepAnswer[]): void;
  reject(error: unknown): void;
  /** True when it may have been committed though no answer comes. */
  readonly commits: boolean;
}

/** The program of the thread; null where it is not beside this file, as in a bundle. */
export function threadProgram(): URL | null {
  const here: string | undefined = import.meta.url;
  if (!here?.startsWith("file:")) return null;
  const program = new URL(here.endsWith(".ts") ? "./sqlite-thread.ts" : "./sqlite-thread.js", here);
  return process.getBuiltinModule("node:fs").existsSync(program) ? program : null;
}

/** A connection in another thread. */
export class ThreadConnection implements SqliteConnection<PackedSteps> {
  readonly #program: URL;
  readonly #file: SqliteFile;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #isOpen = false;
  #lastId = 0;

  constructor(program: URL, file: SqliteFile) {
    this.#program = program;
    this.#file = file;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True while it owes an answer. */
  get isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  async open(): Promise<void> {
    this.#worker ??= this.#start();
    await this.#ask({ id: ++this.#lastId, ask: "open" }, false);
    this.#isOpen = true;
  }

  pack(steps: readonly Step[]): PackedSteps {
    return packSteps(steps);
  }

  run(packed: PackedSteps): Promise<StepAnswer[]> {
    return this.#ask({ id: ++this.#lastId, ask: "run", packed }, packed.steps.at(-1) === commit);
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    await this.#ask({ id: ++this.#lastId, ask: "close" }, false);
    this.#worker = null;
    this.#isOpen = false;
    await worker.terminate();
  }

  #start(): Worker {
    const { Worker } = process.getBuiltinModule("node:worker_threads");
    // what this process was started with is for its own program
    const worker = new Worker(this.#program, { workerData: this.#file, execArgv: ["--disable-warning=ExperimentalWarning"] });
    worker.unref();
    worker.on("message", (answer: ThreadAnswer) => this.#settle(answer));
    worker.on("error", (error) => this.#lose(worker, error));
    worker.on("exit", () => this.#lose(worker, new Error("The thread of the SQLite file has ended")));
    return worker;
  }

  #ask(request: ThreadRequest, commits: boolean): Promise<StepAnswer[]> {
    return new Promise((resolve, reject) => {
      if (!this.#worker) return reject(new Error("The thread of the SQLite file has ended"));
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(request.id, { resolve, reject, commits });
      this.#worker.postMessage(request);
    });
  }

  #settle({ id, answers, error }: ThreadAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (answers) waiting?.resolve(answers);
    else waiting?.reject(error?.code === "DISTURBED" ? new Disturbed(error.message) : Object.assign(new Error(error?.message), error));
  }

  /** The thread is gone: whoever begins next opens another. */
  #lose(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    this.#isOpen = false;
    for (const { reject, commits } of this.#waiting.values()) reject(commits ? new Unanswered(error) : error);
    this.#waiting.clear();
  }
}
