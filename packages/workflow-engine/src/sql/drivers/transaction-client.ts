// One thin adapter: whatever the caller has a transaction open on becomes a function that runs a statement there. Each shape is that of the
// client's own documented way to run raw SQL with parameters; what its answers are typed as does not matter, see whoever reads them.
import { WorkflowEngineError } from "../../errors.ts";
import type { SqliteTransaction, TransactionClient, TransactionQuery } from "../../ports/transaction.ts";

type Answer = readonly unknown[] | { rows?: readonly unknown[] | undefined } | null | undefined;
type Method = (...args: unknown[]) => Promise<Answer>;
type Methods = Readonly<Record<string, unknown>>;

/** The function of a client on PostgreSQL. */
export function queryOf(client: TransactionClient): TransactionQuery {
  // that of postgres.js is a function too, which takes a template
  if (typeof client === "function" && !("unsafe" in client)) return client;
  const methods: Methods = Object(client);
  const send = senderOf(methods);
  if (send) return async (text, params) => rowsOf(await send(text, params));
  throw new WorkflowEngineError(
    "NOT_CONFIGURED",
    "transaction(client) takes a pg client that has sent BEGIN, a transaction of postgres.js, Prisma, Drizzle or Kysely, or a function (text, params) => rows that runs a statement in yours.",
  );
}

function senderOf(client: Methods): ((text: string, params: unknown[]) => Promise<Answer>) | null {
  const call = (name: string, ...args: unknown[]): Promise<Answer> => (client[name] as Method)(...args);
  const has = (name: string): boolean => typeof client[name] === "function";
  if (has("$queryRawUnsafe")) return (text, params) => call("$queryRawUnsafe", text, ...params);
  if (has("unsafe")) return (text, params) => call("unsafe", text, params);
  if (has("executeQuery")) return (text, params) => call("executeQuery", compiled(text, params));
  // Drizzle's: what has getSQL() is asked for its SQL, and that for its text and parameters
  if (has("execute") && has("rollback")) {
    return (text, params) => call("execute", { getSQL: () => ({ toQuery: () => ({ sql: text, params }) }) });
  }
  return has("query") ? (text, params) => call("query", text, params) : null;
}

/** As Kysely's CompiledQuery.raw makes one. */
function compiled(sql: string, parameters: readonly unknown[]): object {
  return { sql, parameters, query: { kind: "RawNode", sqlFragments: [sql], parameters: [] }, queryId: { queryId: "workflow-engine" } };
}

function rowsOf(answer: Answer): readonly unknown[] {
  if (Array.isArray(answer)) return answer;
  return (answer as { rows?: readonly unknown[] } | null | undefined)?.rows ?? [];
}

interface SqliteHandle {
  exec(text: string): unknown;
  prepare(text: string): SqliteStatement;
  /** node:sqlite */
  readonly isTransaction?: boolean;
  /** better-sqlite3 */
  readonly inTransaction?: boolean;
}

interface SqliteStatement {
  all(...params: unknown[]): readonly unknown[];
  run(...params: unknown[]): unknown;
  /** node:sqlite */
  setReturnArrays?(isArrays: boolean): void;
  /** better-sqlite3 */
  raw?(isRaw: boolean): unknown;
  readonly reader?: boolean;
}

/** The function of a connection to SQLite; the caller's transaction must be open on it. */
export function sqliteQueryOf(client: TransactionClient, path: string): TransactionQuery {
  if (path === ":memory:") {
    throw new WorkflowEngineError("NOT_CONFIGURED", "A store on :memory: is on no other connection. Give createSqliteStore a file.");
  }
  if (typeof client === "function") return client;
  if (!isHandle(client)) {
    throw new WorkflowEngineError(
      "NOT_CONFIGURED",
      `transaction(client) on SQLite takes a DatabaseSync of node:sqlite or a Database of better-sqlite3, opened on ${path}, that has run BEGIN IMMEDIATE; or a function (text, params) => rows as arrays.`,
    );
  }
  const handle = client as unknown as SqliteHandle;
  return (text, params) => {
    if (handle.isTransaction === false || handle.inTransaction === false) throw noTransaction("BEGIN IMMEDIATE");
    const statement = handle.prepare(text);
    if (statement.reader === false) {
      statement.run(...params);
      return [];
    }
    if (statement.setReturnArrays) statement.setReturnArrays(true);
    else statement.raw?.(true);
    return statement.all(...params);
  };
}

function isHandle(client: object | null): client is SqliteTransaction {
  return typeof client === "object" && client !== null && "prepare" in client && "exec" in client;
}

/** What a client is told on which no transaction is open. */
export function noTransaction(begin: string, cause?: unknown): WorkflowEngineError {
  return new WorkflowEngineError(
    "NOT_CONFIGURED",
    `No transaction is open on the client given to transaction(client): ${begin} comes first, on the same connection. Nothing was written.`,
    { cause },
  );
}

const turns = new WeakMap<object, Promise<unknown>>();

/** Runs `work` once everything earlier on the same client has ended: what is undone there must be its own. */
export function inTurn<T>(client: TransactionClient, work: () => Promise<T>): Promise<T> {
  const result = (turns.get(client) ?? Promise.resolve()).then(work);
  turns.set(
    client,
    result.catch(() => undefined),
  );
  return result;
}
