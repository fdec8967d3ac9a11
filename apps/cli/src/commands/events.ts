// `events`: what happened to a run, in order; with --follow also what happens next.
import type { OutboxRecord } from "@bratsos/workflow-engine";
import type { Command } from "commander";
import type { Database } from "../database.ts";
import { eventLine } from "../display/json.ts";
import { eventRow } from "../display/plain.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { withStore } from "../open-store.ts";
import { dbOption, jsonOption, parseIndex, type Settle, withExample } from "../option-parsers.ts";
import { RunFollower } from "../run-follower.ts";
import { requireRun } from "../run-origin.ts";
import { colours, print, printJson } from "../terminal.ts";
import { exitCode } from "../usage-error.ts";

interface EventsOptions {
  after: number;
  follow?: boolean;
  db: Database;
  json?: boolean;
}

const lookMs = 200;

/** Adds `events`. */
export function addEventsCommand(program: Command, settle: Settle): void {
  const command = program
    .command("events")
    .summary("list a run's events, or follow them")
    .description("Lists what happened to a run, in order. With --follow it goes on until the run has ended.")
    .argument("<runId>", "id of the run")
    .option("--after <n>", "leave out the events up to this number", parseIndex, 0)
    .option("--follow", "wait for further events until the run has ended")
    .addOption(dbOption())
    .addOption(jsonOption("write one JSON object an event"))
    .action(async (runId: string, options: EventsOptions) => {
      settle(await listEvents(runId, options));
    });
  withExample(command, "$ workflow-engine events 01a2b3c4-… --follow");
}

function listEvents(runId: string, { after, follow, db, json }: EventsOptions): Promise<number> {
  const tell = (event: OutboxRecord): void => {
    if (json) printJson(eventLine(event));
    else print(`${colours.dim(String(event.sequence).padStart(4))}  ${eventRow(event)}`);
  };
  return withStore(db, { isNew: false }, async (store) => {
    await requireRun(store, runId, db);
    const follower = new RunFollower(store, runId, after);
    if (!follow) {
      for (const event of await follower.look(Date.now())) tell(event);
      return exitCode.completed;
    }
    const interrupt = listenForInterrupt();
    try {
      while (!interrupt.isRaised) {
        const wasOver = follower.hasEnded;
        for (const event of await follower.look(Date.now())) tell(event);
        // a run that was deleted meanwhile tells nothing more
        if (wasOver || follower.status === null) return exitCode.completed; // one more look than the end needs: the last event is published after it
        await Promise.race([interrupt.raised, new Promise((resolve) => setTimeout(resolve, lookMs))]);
      }
      return exitCode.interrupted;
    } finally {
      interrupt.dispose();
    }
  });
}
