// `serve`: the HTTP API of a database, with a worker in the same process unless it is left to others.
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type AnyWorkflow, createKernel, createRegistry, type Kernel } from "@bratsos/workflow-engine";
import { createNodeHost, type NodeHost } from "@bratsos/workflow-engine-host-node";
import { createHttpApi } from "@bratsos/workflow-engine-http";
import { serve as listen } from "@hono/node-server";
import { type Command, InvalidArgumentError } from "commander";
import { type ApiAccess, apiAccess, tokenVariable } from "../api-access.ts";
import type { Database, Store } from "../database.ts";
import { workerIdOf } from "../execute-run.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { loadModule } from "../load-module.ts";
import { withStore } from "../open-store.ts";
import { concurrencyOption, dbOption, parseIndex, type Settle, withExample } from "../option-parsers.ts";
import { runLines } from "../run-lines.ts";
import { colours, print, printError } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

/** How long a stopping server waits for answers under way. Milliseconds. */
const graceMs = 2_000;

interface ServeOptions {
  db: Database;
  host: string;
  port: number;
  token?: string | false;
  /** False for `--no-work`. */
  work: boolean;
  concurrency?: number;
}

/** Adds `serve`. */
export function addServeCommand(program: Command, _settle: Settle): void {
  const command = program
    .command("serve")
    .summary("serve the HTTP API, and work on runs")
    .description(
      "Serves the HTTP API of a database until SIGTERM or Ctrl-C, and works on the runs of these modules' workflows meanwhile.\n" +
        "Without modules it tells of runs and starts none.",
    )
    .argument("[module...]", "files that export workflows")
    .option("--host <address>", "address to listen on; beyond this machine a token is needed", "127.0.0.1")
    .option("--port <n>", "port to listen on; 0 for any that is free", parsePort, 4000)
    .option("--token <text>", `what callers send as bearer token; better in ${tokenVariable} (default on loopback: a new one, printed)`)
    .option("--no-token", "let every program of this machine in; loopback only")
    .option("--no-work", "leave the runs to workers elsewhere")
    .addOption(dbOption())
    .addOption(concurrencyOption())
    .action(async (modules: string[], options: ServeOptions) => {
      const access = apiAccess(options.host, options.token, process.env);
      const workflows = (await Promise.all(modules.map((path) => loadModule(path)))).flatMap((loaded) => loaded.workflows);
      await withStore(options.db, { isNew: true }, (store) => serve(store, [...new Set(workflows)], access, options));
    });
  withExample(
    command,
    "$ workflow-engine serve ./workflow.ts --port 4000",
    "$ curl -H 'Authorization: Bearer …' http://127.0.0.1:4000/runs",
  );
}

async function serve(store: Store, workflows: AnyWorkflow[], { authorize, madeToken }: ApiAccess, options: ServeOptions): Promise<void> {
  const kernel = createKernel({ ...store, registry: createRegistry(workflows), eventSink: runLines(store) });
  const host = options.work && workflows.length > 0 ? workerOf(kernel, options.concurrency) : null;
  const onError = (error: unknown, { errorId }: { errorId: string }): void => tell(error, `${errorId}: `);
  const api = createHttpApi({ kernel, store, authorize, onError });
  const interrupt = listenForInterrupt();
  let server: Server | null = null;
  try {
    server = await open(api.fetch, options);
    await host?.start();
    tellOpen(server, workflows, host !== null, options, madeToken);
    await interrupt.raised;
    print("Stopping: running stages may end first. Ctrl-C again stops at once.");
  } finally {
    api.close();
    await Promise.all([server && close(server, kernel.work), host?.stop()]);
    interrupt.dispose();
  }
}

function workerOf(kernel: Kernel, concurrency: number | undefined): NodeHost {
  return createNodeHost({ kernel, workerId: workerIdOf(kernel), concurrency, handleSignals: false, onError: (error) => tell(error) });
}

function open(fetch: (request: Request) => Promise<Response>, { host: hostname, port }: ServeOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = listen({ fetch, hostname, port, overrideGlobalObjects: false }, () => resolve(server)) as Server;
    server.once("error", (error: NodeJS.ErrnoException) => {
      const known = { EADDRINUSE: "is taken", EACCES: "is not ours to take", EADDRNOTAVAIL: "is no address of this machine" } as const;
      const why = known[error.code as keyof typeof known] as string | undefined;
      reject(why === undefined ? error : new UsageError(`${hostname}:${port} ${why}`, "Pass another --port or --host."));
    });
  });
}

/** Stops the server; who still reads an answer has a moment to end. */
function close(server: Server, { environment }: Kernel["work"]): Promise<void> {
  return new Promise((resolve) => {
    const cancelTimer = environment.setTimer(graceMs, () => server.closeAllConnections());
    server.close(() => {
      cancelTimer();
      resolve();
    });
    server.closeIdleConnections();
  });
}

function tellOpen(server: Server, workflows: AnyWorkflow[], works: boolean, { db, token }: ServeOptions, madeToken: string | null): void {
  const { address, family, port } = server.address() as AddressInfo;
  const url = `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  const ids = workflows.map(({ id }) => id).join(", ");
  print(`Serving ${db} on ${url}. Ctrl-C stops it.`);
  if (ids !== "") print(works ? `Working on ${ids}.` : `Starting runs of ${ids}; a worker elsewhere has to work on them.`);
  if (madeToken !== null) print(`Token: ${madeToken}`, colours.dim(`$ curl -H 'Authorization: Bearer ${madeToken}' ${url}/runs`));
  else if (token === false) print("No token: every program of this machine may use it.");
  print(colours.dim(`${url}/openapi.json describes it.`));
}

function tell(error: unknown, prefix = ""): void {
  printError(`${colours.red("error:")} ${prefix}${error instanceof Error ? error.message : String(error)}`);
}

function parsePort(given: string): number {
  const port = parseIndex(given);
  if (port > 65_535) throw new InvalidArgumentError("It must be at most 65535.");
  return port;
}
