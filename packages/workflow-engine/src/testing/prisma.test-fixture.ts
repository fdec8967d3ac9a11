// A bench on Prisma adapters: one client and one database a binding, emptied between cases; `storeOver` makes the door.
import { InMemoryBlobStore } from "../memory/memory-blob-store.ts";
import type { DatabaseType } from "../prisma/client.ts";
import { openClient, type PrismaRelease, type TestClient, watched } from "../prisma/clients.test-fixture.ts";
import { createPrismaAICallLogger, createPrismaJobQueue, createPrismaReader, createPrismaWorkflowPersistence } from "../prisma/index.ts";
import type { TestSchema } from "../prisma/schemas.test-fixture.ts";
import { storeOver } from "../store/store-over.ts";
import type { BenchSource, BenchStore } from "./bench.ts";
import type { Suite } from "./suite.ts";

/** What the smallest schema has no table for. */
export const missingOnSmallest: NonNullable<BenchSource["missing"]> = {
  attempts: "the smallest schema has no table for attempts",
  consumers: "the smallest schema has one mark an event, for all consumers",
};

/** Opens the client at the first case; `close` when the last is over. */
export function prismaSource(
  schema: TestSchema,
  databaseType: DatabaseType,
  missing: BenchSource["missing"] = {},
  release?: () => PrismaRelease,
): BenchSource & { close(): Promise<void> } {
  let opened: Promise<TestClient> | null = null;
  return {
    missing,
    isRemote: true,
    createStore: async (environment) => {
      opened ??= openClient(schema, databaseType, undefined, release?.());
      const client = await opened;
      await client.clear();
      const { prisma, quiet } = watched(client.prisma);
      const blobStore = new InMemoryBlobStore();
      const open = (): BenchStore => {
        const persistence = createPrismaWorkflowPersistence(prisma, { environment, databaseType });
        const jobTransport = createPrismaJobQueue(prisma, { environment, databaseType, workerId: "queue" });
        const aiCallLogger = createPrismaAICallLogger(prisma, { environment, databaseType });
        const runStore = storeOver({ persistence, jobTransport, environment, aiCallLogger });
        const reader = createPrismaReader(prisma, { environment, databaseType });
        return { persistence, jobTransport, runStore, blobStore, aiCallLogger, reader, quiet, close: quiet };
      };
      return { store: open(), reopen: async () => open() };
    },
    close: async () => (await opened)?.close(),
  };
}

/** Cases that come twice, by plain commands and in a host, once: in a host. All of them where everything is proved. */
export function withoutTwins(suites: readonly Suite[]): readonly Suite[] {
  if (process.env["PROOF"] === "full") return suites;
  return suites.map(({ name, cases }) => ({ name, cases: cases.filter((each) => !each.name.endsWith(" [commands]")) }));
}
