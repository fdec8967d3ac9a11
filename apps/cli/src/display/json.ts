// For programs: one JSON object a line, every event as it is published, then the result. What a workflow prints goes to stderr.
import { Console } from "node:console";
import type { OutboxRecord } from "@bratsos/workflow-engine";
import { printError, printJson } from "../terminal.ts";
import type { Display } from "./display.ts";

/** An event as a line of `--json`. */
export function eventLine({ sequence, payload, eventType, occurredAt, workflowRunId }: OutboxRecord): Record<string, unknown> {
  const fields = typeof payload === "object" && payload !== null ? payload : { payload };
  return { type: eventType, sequence, workflowRunId, timestamp: occurredAt, ...fields };
}

/** A display that writes JSON lines to stdout. */
export function createJsonDisplay(): Display {
  const restore = sendConsoleToStderr();
  return {
    start: () => undefined,
    update: () => undefined,
    event: (event) => printJson(eventLine(event)),
    note: (text) => printError(text),
    end: ({ run, stages, output, isInterrupted }) => {
      restore();
      printJson({
        type: "result",
        workflowRunId: run.id,
        workflowId: run.workflowId,
        status: run.status,
        isInterrupted,
        durationMs: run.duration,
        totalCost: run.totalCost,
        totalTokens: run.totalTokens,
        stages: stages.map(({ stageId, state, attempt, durationMs, error }) => ({ stageId, state, attempt, durationMs, error })),
        output: output ?? null,
        error: run.errorMessage ?? null,
      });
    },
    close: restore,
  };
}

function sendConsoleToStderr(): () => void {
  const own = globalThis.console;
  globalThis.console = new Console(process.stderr, process.stderr);
  return () => {
    globalThis.console = own;
  };
}
