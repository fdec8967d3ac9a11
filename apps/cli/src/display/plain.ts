// Where nothing can be redrawn (a file, a pipe, CI): a line per event, and progress only when its message changes.
import type { KernelEvent, OutboxRecord } from "@bratsos/workflow-engine";
import { formatTime } from "../format.ts";
import { colours, print } from "../terminal.ts";
import type { Display } from "./display.ts";
import { describeEvent } from "./event-text.ts";
import { summarize } from "./summary.ts";

/** A display that only ever appends. */
export function createPlainDisplay(): Display {
  const lastMessage = new Map<string, string>();
  const isRepeated = (event: KernelEvent): boolean => {
    if (event.type !== "stage:progress") return false;
    const isSame = lastMessage.get(event.stageId) === event.message;
    lastMessage.set(event.stageId, event.message);
    return isSame;
  };
  return {
    start: ({ runId, workflowId }) => print(`${workflowId}  run ${runId}`),
    update: () => undefined,
    event: (record) => {
      const event = record.payload as KernelEvent;
      if (!isRepeated(event)) print(eventRow(record));
    },
    note: (text) => print(text),
    end: (end) => print(...summarize(end)),
    close: () => undefined,
  };
}

/** Time and text of an event, as `run` and `events` print it. */
export function eventRow({ payload, occurredAt }: OutboxRecord): string {
  return `${colours.dim(formatTime(occurredAt))}  ${describeEvent(payload as KernelEvent)}`;
}
