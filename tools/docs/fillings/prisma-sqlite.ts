// The client of pages on SQLite: a file in the block's own folder.
import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import { generatedClient } from "../../../packages/workflow-engine/src/prisma/clients.test-fixture.ts";
import { createStatements, smallestSchema } from "../../../packages/workflow-engine/src/prisma/schemas.test-fixture.ts";

const Generated = await generatedClient(smallestSchema, "sqlite");

export const prisma = new Generated({ adapter: new PrismaBetterSqlite3({ url: "file:./page.db" }) });
for (const statement of createStatements(smallestSchema, "sqlite")) await prisma.$executeRawUnsafe(statement);
