// One PostgreSQL a test run, started when a test asks for it: test files run in processes of their own and ask here, the process of
// the run owns the server and stops it.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type PostgresServer, startPostgres } from "./server.ts";
import { BROKER } from "./test-databases.ts";

/** Listens for tests that want the server; the answer stops everything. */
export async function setup(): Promise<() => Promise<void>> {
  let server: Promise<PostgresServer> | null = null;
  const broker = createServer(async (_, response) => {
    try {
      response.end((await (server ??= startPostgres())).url);
    } catch (error) {
      response.writeHead(500).end(error instanceof Error ? error.message : String(error));
    }
  });
  await new Promise<void>((resolve) => broker.listen(0, "127.0.0.1", resolve));
  process.env[BROKER] = `http://127.0.0.1:${(broker.address() as AddressInfo).port}`;
  return async () => {
    broker.close();
    broker.closeAllConnections();
    if (server) await (await server).stop();
  };
}
