// A line when a run starts and when it ends: what processes that work on other people's runs show.
import type { EventSink, KernelEvent } from "@bratsos/workflow-engine";
import type { Store } from "./database.ts";
import { formatDuration, formatTime } from "./format.ts";
import { paintStatus } from "./paint-status.ts";
import { colours, print } from "./terminal.ts";

/** A sink that says when a run starts and ends. */
export function runLines({ persistence }: Store): EventSink {
  return {
    emit: async (event) => {
      const status = statusOf(event);
      if (status === null) return;
      const run = await persistence.getRun(event.workflowRunId);
      const words = [colours.dim(formatTime(event.timestamp)), paintStatus(status), event.workflowRunId, run?.workflowId ?? ""];
      if (event.type === "workflow:completed") words.push(formatDuration(run?.duration ?? null));
      if (event.type === "workflow:failed") words.push(event.error);
      if (event.type === "workflow:cancelled") words.push(event.reason ?? "");
      print(words.join("  ").trimEnd());
    },
  };
}

function statusOf({ type }: KernelEvent): "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED" | null {
  switch (type) {
    case "workflow:started":
    case "workflow:rerun":
      return "RUNNING";
    case "workflow:completed":
      return "COMPLETED";
    case "workflow:failed":
      return "FAILED";
    case "workflow:cancelled":
      return "CANCELLED";
    default:
      return null;
  }
}
