// Every scenario, in the order of the results.
import { drain, drainFew } from "./drain.ts";
import { fan } from "./fan.ts";
import { idle } from "./idle.ts";
import { latency } from "./latency.ts";
import { live } from "./live.ts";
import { memory } from "./memory.ts";
import type { Scenario } from "./scenario.ts";
import { sequence } from "./sequence.ts";
import { starts } from "./starts.ts";
import { workers } from "./workers.ts";

/** The scenarios. */
export const scenarios: readonly Scenario[] = [drain, drainFew, live, latency, fan, sequence, starts, workers, idle, memory];
