// Measures in a process of its own, so that no measurement inherits the compiled code, the heap or the open files of another.
import { spawn } from "node:child_process";
import path from "node:path";
import type { Job } from "./job.ts";
import type { Metric } from "./measure/metric.ts";

const timeoutMs = 180_000;

/** A job's metrics, or why there are none. */
export type JobResult = { job: Job; metrics: Metric[] } | { job: Job; problem: string };

/** Runs a job in a child process; never rejects. */
export function runJob(job: Job): Promise<JobResult> {
  const args = ["--expose-gc", "--disable-warning=ExperimentalWarning", path.join(import.meta.dirname, "child.ts"), JSON.stringify(job)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ job, problem: error.message }));
    child.on("close", (code, signal) => {
      const line = output.trimEnd().split("\n").at(-1) ?? "";
      if (code === 0) resolve({ job, metrics: JSON.parse(line) as Metric[] });
      else resolve({ job, problem: signal ? `ended by ${signal} after ${timeoutMs / 1_000} s` : lastLines(errors) });
    });
  });
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-15).join("\n") || "no output";
}
