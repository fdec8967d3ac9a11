// Prisma clients for tests, generated when they are first wanted and kept by what they were generated from: seconds once, then nothing.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { realEnvironment } from "../environment.ts";
import type { DatabaseType, PrismaClientLike, PrismaMethods } from "./client.ts";
import { createStatements, schemaText, type TestSchema } from "./schemas.test-fixture.ts";

const root = path.resolve(import.meta.dirname, "../../../..");

/** A client with its tables, and what removes both. */
export interface TestClient {
  prisma: PrismaClientLike & PrismaMethods;
  /** Another client of the same database, as another process would have. */
  another(): PrismaClientLike & PrismaMethods;
  /** Empties every table. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

type ClientClass = new (options: object) => PrismaClientLike & PrismaMethods & { $disconnect(): Promise<void> };

/** A release of Prisma, installed somewhere. */
export interface PrismaRelease {
  version: string;
  /** The folder whose packages are used; clients generated for it are kept below. */
  folder: string;
  /** Further lines of the generator block. */
  generator: string;
  /** Further lines of the datasource block. */
  datasource: string;
}

/** The release that the package is developed with. */
export const prisma7: PrismaRelease = { version: "7.10.0", folder: root, generator: "", datasource: "" };

/** The class of a generated client; generates it when nobody has before. */
export async function generatedClient(schema: TestSchema, databaseType: DatabaseType, release = prisma7): Promise<ClientClass> {
  const text = schemaText(
    schema,
    databaseType,
    `  provider = "prisma-client"\n  output   = "./client"\n${release.generator}`,
    release.datasource,
  );
  const version = createHash("sha256").update(`${release.version} ${text}`).digest("hex").slice(0, 16);
  const folder = path.join(release.folder, ".workflow-engine", "prisma-clients", version);
  if (!existsSync(folder)) generate(text, folder, release);
  return (await import(pathToFileURL(path.join(folder, "client", "client.ts")).href)).PrismaClient;
}

function generate(text: string, folder: string, release: PrismaRelease): void {
  mkdirSync(path.dirname(folder), { recursive: true });
  const draft = mkdtempSync(path.join(path.dirname(folder), "draft-"));
  try {
    writeFileSync(path.join(draft, "schema.prisma"), text);
    // generating needs no engine, but the command would download them: any file that can be run stands in for one
    const env = {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_QUERY_ENGINE_LIBRARY: process.execPath,
      CHECKPOINT_DISABLE: "1",
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
    };
    const command = [
      path.join(release.folder, "node_modules/prisma/build/index.js"),
      "generate",
      "--schema",
      path.join(draft, "schema.prisma"),
    ];
    const done = spawnSync(process.execPath, command, { cwd: draft, env, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`prisma generate failed:\n${done.stdout}${done.stderr}`);
    renameSync(draft, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error; // else another process was faster
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Opens a client on an empty database of its own. On SQLite in memory unless a file is named. */
export async function openClient(
  schema: TestSchema,
  databaseType: DatabaseType,
  file = ":memory:",
  release = prisma7,
): Promise<TestClient> {
  const Client = await generatedClient(schema, databaseType, release);
  const load = createRequire(path.join(release.folder, "packages/workflow-engine/package.json"));
  const { PrismaPg } = load("@prisma/adapter-pg");
  const { PrismaBetterSqlite3, PrismaBetterSQLite3 = PrismaBetterSqlite3 } = load("@prisma/adapter-better-sqlite3");
  const database = databaseType === "postgresql" ? await createTestDatabase() : null;
  const adapter = () =>
    database ? new PrismaPg({ connectionString: database.url, max: 5 }) : new PrismaBetterSQLite3({ url: `file:${file}`, timeout: 0 });
  const clients: Array<InstanceType<ClientClass>> = [];
  const open = () => {
    const client = new Client({ adapter: adapter() });
    clients.push(client);
    return client;
  };
  const prisma = open();
  const statements = createStatements(schema, databaseType);
  for (const statement of statements) await prisma.$executeRawUnsafe(statement);
  const tables = statements.flatMap((statement) => /^CREATE TABLE ("\w+")/.exec(statement)?.[1] ?? []);
  return {
    prisma,
    another: open,
    clear: async () => {
      if (database) await prisma.$executeRawUnsafe(`TRUNCATE ${tables.join(", ")}`);
      else for (const table of tables.toReversed()) await prisma.$executeRawUnsafe(`DELETE FROM ${table}`);
    },
    close: async () => {
      for (const client of clients) await client.$disconnect();
      await database?.drop();
    },
  };
}

/** Turns of the event loop without anything under way: what an answer sets off may be put off a few times before it asks again. */
const quietTurns = 5;

/** A client that knows which of its queries are under way, and waits until there are none, however long they take. */
export function watched(prisma: PrismaClientLike): { prisma: PrismaClientLike; quiet(): Promise<void> } {
  const underWay = new Set<Promise<unknown>>();
  const counted = (method: (...args: unknown[]) => PromiseLike<unknown>, owner: object) =>
    function count(...args: unknown[]): Promise<unknown> {
      const answer = Promise.resolve(method.apply(owner, args));
      const isOver = (): void => void underWay.delete(ended);
      const ended: Promise<unknown> = answer.then(isOver, isOver);
      underWay.add(ended);
      return answer;
    };
  const watch = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (owner, name) => {
        const value = Reflect.get(owner, name) as unknown;
        if (typeof value === "function") return counted(value as never, owner);
        const isModel = typeof name === "string" && /^[a-z]/.test(name) && typeof value === "object" && value !== null;
        return isModel ? watch(value) : value;
      },
    });
  const quiet = async (): Promise<void> => {
    for (let turns = 0; turns < quietTurns; turns++) {
      await new Promise<void>((resolve) => realEnvironment.defer(resolve));
      if (underWay.size === 0) continue;
      await Promise.all(underWay);
      turns = -1;
    }
  };
  return { prisma: watch(prisma), quiet };
}
