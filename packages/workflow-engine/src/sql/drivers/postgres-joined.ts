// Inside a transaction of the caller's on PostgreSQL. Whatever types the caller's client reads and sends, values travel as text: parameters
// are cast by the server, and a row comes back as one column of JSON. What fails is undone to a savepoint, so that the caller's transaction
// stays of use and a rival's key that was committed meanwhile is seen (P2).
import { WorkflowEngineError } from "../../errors.ts";
import type { TransactionClient, TransactionQuery } from "../../ports/transaction.ts";
import { Conflict } from "../db.ts";
import { conflicts, type PgClient, type PgQuery } from "./postgres-client.ts";
import { noTransaction } from "./transaction-client.ts";

const savepoint = "workflow_engine";
const deepestCause = 5;

/** The connection of a caller's transaction, as a session takes one. */
export function joinedClient(client: TransactionClient, query: TransactionQuery): PgClient {
  return {
    pipeline: (client as { pipeline?: unknown }).pipeline === true,
    on: () => undefined,
    query: async ({ text, values = [] }: PgQuery) => {
      const kind = kindOf(text);
      const answered = await query(wrapped(text, kind), [...values]);
      if (kind === "plain" || kind === "check") return { rows: [], rowCount: null, command: "" };
      const texts = answered.map((row) => Object.values(row as object)[0] as string);
      if (kind === "write") return { rows: [], rowCount: Number(texts[0]), command: "" };
      const rows = texts.map((json) => Object.values(JSON.parse(json) as object).map(asRead));
      return { rows, rowCount: rows.length, command: "" };
    },
  };
}

/** Runs `work` between a savepoint and its release; what throws has undone itself. */
export async function betweenSavepoints<T>(client: PgClient, work: () => Promise<T>): Promise<T> {
  // alone: where no transaction is open nothing must be on its way behind it
  await client.query({ text: `SAVEPOINT ${savepoint}` }).catch((error: unknown) => {
    throw sqlStateWithin(error) === "25P01" ? noTransaction("BEGIN", error) : useless(error);
  });
  try {
    const result = await work();
    await client.query({ text: `RELEASE SAVEPOINT ${savepoint}` });
    return result;
  } catch (error) {
    throw await undone(client, error);
  }
}

/** Undoes to the savepoint; answers what the caller is told. */
async function undone(client: PgClient, error: unknown): Promise<unknown> {
  try {
    await client.query({ text: `ROLLBACK TO SAVEPOINT ${savepoint}` });
    await client.query({ text: `RELEASE SAVEPOINT ${savepoint}` });
  } catch {
    return useless(error);
  }
  if (error instanceof Conflict) return error;
  const code = sqlStateWithin(error);
  if (code === null || !conflicts.has(code)) return error;
  const { rows } = await client.query({ text: "SELECT current_setting('transaction_isolation')" });
  const [[isolation]] = rows as [[string]];
  if (isolation === "read committed") return new Conflict(error);
  // what somebody else has committed since it began stays out of its sight: to try again here would be in vain
  const text = `Somebody else changed the same while your transaction (${isolation.toUpperCase()}) was open. Roll it back and run it again.`;
  return new WorkflowEngineError("STORE_REFUSED", text, { cause: error });
}

/** The connection is gone, or the transaction has failed, and everything with it. */
function useless(cause: unknown): WorkflowEngineError {
  if (cause instanceof WorkflowEngineError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const text = `Your transaction is of no use any more, roll it back: ${reason}. Nothing was written.`;
  return new WorkflowEngineError("STORE_REFUSED", text, { cause });
}

type Kind = "read" | "write" | "check" | "plain";

function kindOf(text: string): Kind {
  if (text.startsWith("WITH found AS (UPDATE")) return "check";
  if (/^\s*(SELECT|WITH)\b/i.test(text) || /\bRETURNING\b/.test(text)) return "read";
  return /^\s*(INSERT|UPDATE|DELETE)\b/i.test(text) ? "write" : "plain";
}

function wrapped(text: string, kind: Kind): string {
  if (kind === "plain") return text;
  const cast = text.replace(/(\$\d+)::/g, "$1::text::");
  // what changes rows stands at the top level only; it answers nothing that anybody wants
  if (kind === "check") return cast;
  // ROW gives every column a name of its own (f1, f2, ...), whatever the statement calls it
  if (kind === "read") return `WITH q AS (${cast}) SELECT row_to_json(ROW(q.*))::text AS answer FROM q`;
  return `WITH q AS (${cast} RETURNING 1) SELECT count(*)::text AS answer FROM q`;
}

/** A value as the store's own connections read it. */
function asRead(value: unknown): unknown {
  if (typeof value === "boolean") return value ? "t" : "f";
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}

/** The five characters that say what PostgreSQL refused, wherever a client's error keeps them. */
function sqlStateWithin(error: unknown, depth = 0): string | null {
  if (typeof error !== "object" || error === null || depth > deepestCause) return null;
  const fields = error as Record<string, unknown>;
  for (const name of ["originalCode", "code"]) {
    const code = fields[name];
    // P2010 and the like are Prisma's own, and E... those of sockets
    if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !/^(P2|E[A-Z])/.test(code)) return code;
  }
  for (const name of ["cause", "meta", "driverAdapterError", "originalError"]) {
    const code = sqlStateWithin(fields[name], depth + 1);
    if (code) return code;
  }
  return null;
}
