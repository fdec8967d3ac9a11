// Prisma's client as `prisma generate` makes it from the schema on the page, on an empty PostgreSQL of the block's own.
import { PrismaPg } from "@prisma/adapter-pg";
import { generatedClient } from "../../../packages/workflow-engine/src/prisma/clients.test-fixture.ts";
import { createStatements, smallestSchema } from "../../../packages/workflow-engine/src/prisma/schemas.test-fixture.ts";
import { createTestDatabase } from "../../postgres/test-databases.ts";

const { url } = await createTestDatabase();
const Generated = await generatedClient(smallestSchema, "postgresql");
const adapter = (): PrismaPg => new PrismaPg({ connectionString: url, max: 5 });

const first = new Generated({ adapter: adapter() });
for (const statement of createStatements(smallestSchema, "postgresql")) await first.$executeRawUnsafe(statement);
await first.$disconnect();

/** The client, connected as the page's reader has configured it. */
export class PrismaClient extends Generated {
  constructor() {
    super({ adapter: adapter() });
  }
}
