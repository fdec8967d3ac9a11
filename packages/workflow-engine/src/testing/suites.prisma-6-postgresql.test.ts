// Every suite on Prisma 6.19 with PostgreSQL, both schemas; where everything is proved.
import { bindPrisma6 } from "./prisma-6.test-fixture.ts";

bindPrisma6("postgresql");
