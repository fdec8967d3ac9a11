// Stores on one database of their own on PostgreSQL, a schema each unless they share one; closed and dropped when the file's tests are over.
import { afterAll } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createPostgresStore, type PostgresStore } from "./postgres.ts";

/** Stores of one test file. */
export interface TestStores {
  readonly database: TestDatabase;
  /** Opens a store, in the default schema unless named; several in one schema are several processes. */
  open(schema?: string): PostgresStore;
}

/** Makes the database; to be called once a file. */
export async function createTestStores(): Promise<TestStores> {
  const database = await createTestDatabase();
  const stores: PostgresStore[] = [];
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await database.drop();
  });
  const open = (schema?: string): PostgresStore => {
    const store = createPostgresStore({ connectionString: database.url, schema, notify: false });
    stores.push(store);
    return store;
  };
  return { database, open };
}
