// `worker`: a process that works on the runs of a database until it is told to stop.
import { type AnyWorkflow, createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import type { Command } from "commander";
import type { Database, Store } from "../database.ts";
import { workerIdOf } from "../execute-run.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { loadModule } from "../load-module.ts";
import { withStore } from "../open-store.ts";
import { concurrencyOption, dbOption, type Settle, withExample } from "../option-parsers.ts";
import { runLines } from "../run-lines.ts";
import { colours, print, printError } from "../terminal.ts";
import { shortLabel } from "../worker-label.ts";

interface WorkerOptions {
  db: Database;
  concurrency?: number;
}

/** Adds `worker`. */
export function addWorkerCommand(program: Command, _settle: Settle): void {
  const command = program
    .command("worker")
    .summary("work on runs until stopped")
    .description("Works on every run of these modules' workflows until SIGTERM or Ctrl-C, and then lets running stages end.")
    .argument("<module...>", "files that export workflows")
    .addOption(dbOption())
    .addOption(concurrencyOption())
    .action(async (modules: string[], options: WorkerOptions) => {
      const workflows = (await Promise.all(modules.map((path) => loadModule(path)))).flatMap((loaded) => loaded.workflows);
      await withStore(options.db, { isNew: true }, (store) => work(store, [...new Set(workflows)], options));
    });
  withExample(command, "$ workflow-engine worker ./workflow.ts --concurrency 20");
}

async function work(store: Store, workflows: AnyWorkflow[], { concurrency, db }: WorkerOptions): Promise<void> {
  const kernel = createKernel({ ...store, registry: createRegistry(workflows), eventSink: runLines(store) });
  const workerId = workerIdOf(kernel);
  const onError = (error: unknown): void =>
    printError(`${colours.red("error:")} ${error instanceof Error ? error.message : String(error)}`);
  const host = createNodeHost({ kernel, workerId, concurrency, handleSignals: false, onError });
  const interrupt = listenForInterrupt();
  await host.start();
  print(`Worker ${shortLabel(workerId)} on ${db} works on ${workflows.map(({ id }) => id).join(", ")}. Ctrl-C stops it.`);
  await interrupt.raised;
  print("Stopping: running stages may end first. Ctrl-C again stops at once.");
  await host.stop();
  interrupt.dispose();
  print(`Stopped after ${host.getStats().jobsProcessed} stages.`);
}
