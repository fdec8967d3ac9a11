// The measuring process's hold on one worker process.
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import type { Question, Said, WorkerOrder, WorkerUsage } from "./messages.ts";

const script = path.join(import.meta.dirname, "worker.ts");
const noWarnings = ["--disable-warning=ExperimentalWarning", "--disable-warning=DeprecationWarning"];

/** A worker process; questions are asked one after another. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #ended: (runs: number | readonly string[]) => void;
  #waiting: { resolve(usage: WorkerUsage | null): void; reject(error: Error): void } | null = null;
  #isOver = false;

  private constructor(order: WorkerOrder, ended: (runs: number | readonly string[]) => void) {
    this.#ended = ended;
    this.#child = fork(script, [JSON.stringify(order)], { execArgv: noWarnings, stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#child.on("message", (said: Said) => this.#hear(said));
    this.#child.on("exit", (code, signal) => this.#fail(`A worker process has ended with ${code ?? signal}`));
  }

  /** Starts one; resolves when it is connected and waits for work. */
  static async start(order: WorkerOrder, ended: (runs: number | readonly string[]) => void): Promise<WorkerProcess> {
    const worker = new WorkerProcess(order, ended);
    await worker.#answer();
    return worker;
  }

  async work(): Promise<void> {
    await this.#ask("work");
  }

  async usage(): Promise<WorkerUsage> {
    return (await this.#ask("usage"))!;
  }

  /** Stops it where it stands, in between two instructions. */
  halt(): void {
    this.#child.kill("SIGSTOP");
  }

  /** Lets it go on. */
  goOn(): void {
    this.#child.kill("SIGCONT");
  }

  /** Ends it in order. */
  async close(): Promise<void> {
    await this.#ask("close");
    await this.kill();
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    // of one that has ended by itself nothing more is heard
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exit;
  }

  #ask(question: Question): Promise<WorkerUsage | null> {
    this.#child.send(question);
    return this.#answer();
  }

  #answer(): Promise<WorkerUsage | null> {
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  #hear(said: Said): void {
    if ("ended" in said) this.#ended(said.ended);
    else if ("error" in said) this.#fail(said.error);
    else {
      this.#waiting?.resolve(said.answer);
      this.#waiting = null;
    }
  }

  #fail(problem: string): void {
    if (this.#isOver) return;
    const error = new Error(problem);
    // nobody who waits for a run to end would ever hear of it
    if (!this.#waiting) throw error;
    this.#waiting.reject(error);
    this.#waiting = null;
  }
}
