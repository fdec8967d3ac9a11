// The suites on the door that is derived from CRUD adapters: one that shares nothing with the engine's own stores, with a queue that
// has only what the port requires, and the memory pair that users test with.
import { describe, it } from "vitest";
import { InMemoryBlobStore } from "../memory/memory-blob-store.ts";
import { InMemoryJobQueue } from "../memory/memory-job-queue.ts";
import { InMemoryWorkflowPersistence } from "../memory/memory-persistence.ts";
import { MemoryReader } from "../memory/memory-reader.ts";
import { MemoryTables } from "../memory/memory-tables.ts";
import type { OutboxRecord } from "../ports/outbox.ts";
import type { EventFeed } from "../ports/reader.ts";
import { CrudAdapter } from "../store/crud-adapter.test-double.ts";
import { CrudQueue } from "../store/crud-queue.test-double.ts";
import { storeOver } from "../store/store-over.ts";
import type { BenchSource } from "./bench.ts";
import { bindSuite } from "./bind.ts";
import { allSuites, promiseSuites } from "./suites/index.ts";

/** Shows events only: the rows that carry jobs to the queue are the engine's own. */
class EventReader extends MemoryReader {
  override async listEvents(workflowRunId: string, after?: number, limit?: number): Promise<OutboxRecord[]> {
    const rows = await super.listEvents(workflowRunId, after);
    return rows.filter((row) => !row.eventType.startsWith("job:")).slice(0, limit);
  }

  override async listAllEvents(after?: string, limit?: number): Promise<EventFeed> {
    const { items, cursor } = await super.listAllEvents(after, limit);
    return { items: items.filter((row) => !row.eventType.startsWith("job:")), cursor };
  }
}

const missing: BenchSource["missing"] = {
  attempts: "the CRUD port has no table for attempts",
  consumers: "the CRUD port counts deliveries of the sink as a whole",
  retention: "the CRUD port deletes neither events nor keys",
};

const memoryPair: BenchSource = {
  missing: {
    ...missing,
    aiCallLogger: "kept apart from the CRUD port",
    liveProgress: "the memory reader does not know what storeOver packs into a record",
  },
  createStore: (environment) => {
    const tables = new MemoryTables();
    const persistence = new InMemoryWorkflowPersistence({ environment, tables });
    const jobTransport = new InMemoryJobQueue("queue", { environment });
    const runStore = storeOver({ persistence, jobTransport, environment });
    return { store: { persistence, jobTransport, runStore, blobStore: new InMemoryBlobStore(), reader: new EventReader(tables) } };
  },
};

const barePair: BenchSource = {
  missing: {
    ...missing,
    aiCallLogger: "kept apart from the CRUD port",
    reader: "optional for adapters of one's own",
    deletes: "deleteRun is optional for adapters of one's own",
  },
  createStore: (environment) => {
    const persistence = new CrudAdapter(environment);
    const jobTransport = new CrudQueue(environment);
    const runStore = storeOver({ persistence, jobTransport, environment });
    return { store: { persistence, jobTransport, runStore, blobStore: new InMemoryBlobStore() } };
  },
};

describe("storeOver, memory pair", () => {
  for (const suite of allSuites) bindSuite(suite, { describe, it }, memoryPair);
});

describe("storeOver, an adapter of one's own", () => {
  for (const suite of promiseSuites) bindSuite(suite, { describe, it }, barePair);
});
