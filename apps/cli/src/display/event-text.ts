// One event as one line for people.
import type { KernelEvent } from "@bratsos/workflow-engine";
import { formatDuration } from "../format.ts";
import { toPercent } from "../stage-views.ts";
import { colours } from "../terminal.ts";

/** What an event says; plain text but for its colour. */
export function describeEvent(event: KernelEvent): string {
  switch (event.type) {
    case "stage:started":
      return `${event.stageId}: started`;
    case "stage:progress":
      return `${event.stageId}: ${toPercent(event.progress)}% ${event.message}`;
    case "stage:completed":
      return `${event.stageId}: ${colours.green("done")} in ${formatDuration(event.duration)}`;
    case "stage:suspended":
      return `${event.stageId}: ${colours.yellow("suspended")}, looked at again in ${wait(event.timestamp, event.nextPollAt)}`;
    case "stage:retrying":
      return `${event.stageId}: ${colours.yellow(`attempt ${event.attempt} failed`)}: ${event.error}; again in ${wait(event.timestamp, event.retryAt)}`;
    case "stage:failed":
      return `${event.stageId}: ${colours.red("failed")}: ${event.error}`;
    case "workflow:created":
      return `run created: ${event.workflowId}`;
    case "workflow:started":
      return "run started";
    case "workflow:rerun":
      return `run goes on from ${event.fromStageId}`;
    case "workflow:suspended":
      return "run waits for something outside";
    case "workflow:completed":
      return `run ${colours.green("completed")}`;
    case "workflow:failed":
      return `run ${colours.red("failed")}: ${event.error}`;
    case "workflow:cancelled":
      return `run ${colours.yellow("cancelled")}${event.reason === undefined ? "" : `: ${event.reason}`}`;
    default:
      return (event as { type: string }).type; // of a later version of the engine
  }
}

function wait(from: Date, until: Date): string {
  return formatDuration(Math.max(0, new Date(until).getTime() - from.getTime()));
}
