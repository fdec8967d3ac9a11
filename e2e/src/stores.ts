// The stores that real processes share: how a process opens one.
import type { KernelConfig, Persistence, Reader } from "@bratsos/workflow-engine";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";

/** A store as the processes of the crash tests and the soak use it. */
export interface OpenedStore extends Pick<KernelConfig, "jobTransport" | "blobStore"> {
  persistence: Persistence;
  reader: Reader;
  close(): Promise<void>;
}

/** Names of the stores. */
export type StoreName = "sqlite" | "postgres";

/** Opens the store at this place: a file, or a connection string. */
export function openStore(name: StoreName, place: string, answerTimeoutMs?: number): OpenedStore {
  return name === "postgres" ? createPostgresStore({ connectionString: place, answerTimeoutMs }) : createSqliteStore({ path: place });
}
