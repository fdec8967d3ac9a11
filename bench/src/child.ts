// The measuring process: takes a job as its only argument, writes its metrics as the last line of its output, and exits, whatever
// timers an engine has left.
import { type Job, measure } from "./job.ts";

if (import.meta.main) {
  const metrics = await measure(JSON.parse(process.argv[2] ?? "null") as Job);
  process.stdout.write(`\n${JSON.stringify(metrics)}\n`, () => process.exit(0));
}
