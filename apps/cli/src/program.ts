// The command tree. Each command is a file of its own; what they have in common, exits and help, is set here.
import { Command } from "commander";
import { addCancelCommand } from "./commands/cancel.ts";
import { addDeleteCommand } from "./commands/delete.ts";
import { addEventsCommand } from "./commands/events.ts";
import { addListCommand } from "./commands/list.ts";
import { addMigrateCommand } from "./commands/migrate.ts";
import { addRerunCommand } from "./commands/rerun.ts";
import { addResumeCommand } from "./commands/resume.ts";
import { addRunCommand } from "./commands/run.ts";
import { addServeCommand } from "./commands/serve.ts";
import { addShowCommand } from "./commands/show.ts";
import { addWorkerCommand } from "./commands/worker.ts";
import type { Settle } from "./option-parsers.ts";

const adders = [
  addRunCommand,
  addResumeCommand,
  addRerunCommand,
  addListCommand,
  addShowCommand,
  addEventsCommand,
  addCancelCommand,
  addDeleteCommand,
  addWorkerCommand,
  addServeCommand,
  addMigrateCommand,
];

/** Makes the program; nothing in it ends the process. */
export function createProgram(settle: Settle): Command {
  const program = new Command("workflow-engine")
    .description(
      "Runs workflows on a SQLite or PostgreSQL database and shows what became of them.\nWhatever is interrupted, killed included, goes on with `resume`.",
    )
    .showHelpAfterError("(--help tells more)")
    .showSuggestionAfterError()
    .helpCommand(false)
    .exitOverride()
    .addHelpText("after", footer);
  for (const add of adders) add(program, settle);
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

const footer = `
Example:
  $ workflow-engine run ./workflow.ts --input '{"url":"https://example.com"}'
  $ workflow-engine list
  $ workflow-engine run --help

Exit codes: 0 completed, 1 failed, 2 wrong usage, 130 interrupted. Set DEBUG=1 for stack traces.`;
