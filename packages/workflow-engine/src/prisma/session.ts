// One client, and the transaction on it that a unit of work is in. On SQLite a client is one connection: a query that came in while
// another's transaction is open would join it and be lost with its rollback, so everything goes in line there, per client.
import { realEnvironment } from "../environment.ts";
import { WorkflowEngineError } from "../errors.ts";
import type { Clock, Environment } from "../ports/environment.ts";
import {
  columnOf,
  type DatabaseType,
  databaseTypeOf,
  delegateOf,
  fieldsOf,
  methodsOf,
  type PrismaClientLike,
  type PrismaDelegate,
  type Row,
  type TransactionLimits,
  tableOf,
} from "./client.ts";
import type { ModelPlan } from "./models.ts";
import { RowCodec } from "./row-codec.ts";

/** Options of every adapter. */
export interface PrismaAdapterOptions {
  /** Default: what the client was generated for. */
  databaseType?: DatabaseType | undefined;
  /** Where ids and, without a clock, time come from; the process's own unless given. */
  environment?: Environment | undefined;
  clock?: Clock | undefined;
}

const limits: TransactionLimits = { maxWait: 30_000, timeout: 60_000 };
const mostRetries = 40;
const longestPauseMs = 100;

const lines = new WeakMap<PrismaClientLike, Promise<unknown>>();

/** Tables, time and transactions for the adapters of one client. */
export class PrismaSession {
  readonly root: PrismaClientLike;
  readonly databaseType: DatabaseType;
  readonly #tx: PrismaClientLike | null;
  readonly #options: PrismaAdapterOptions;
  readonly #environment: Environment;
  readonly #codecs: Map<ModelPlan, RowCodec>;

  constructor(root: PrismaClientLike, options: PrismaAdapterOptions, inner?: { of: PrismaSession; tx: PrismaClientLike }) {
    this.root = root;
    this.databaseType = databaseTypeOf(root, options.databaseType);
    this.#options = options;
    this.#environment = options.environment ?? realEnvironment;
    this.#tx = inner?.tx ?? null;
    this.#codecs = inner ? inner.of.#codecs : new Map();
  }

  /** The current instant. */
  now(): Date {
    return new Date(this.#options.clock ? this.#options.clock.now().getTime() : this.#environment.now());
  }

  newId(): string {
    return this.#environment.newId();
  }

  get isPostgres(): boolean {
    return this.databaseType === "postgresql";
  }

  /** True when the schema has this model. */
  hasModel({ model }: ModelPlan): boolean {
    return fieldsOf(this.root, model) !== null;
  }

  /** The queries of a model, inside the transaction if there is one. */
  of({ model }: ModelPlan): PrismaDelegate {
    return delegateOf(this.#tx ?? this.root, model);
  }

  codec(plan: ModelPlan): RowCodec {
    let codec = this.#codecs.get(plan);
    if (!codec) {
      // a client that does not tell is taken to have everything
      const fields = fieldsOf(this.root, plan.model) ?? Object.keys(plan.fields).map((name) => ({ name, type: "" }));
      codec = new RowCodec(plan, fields, this.isPostgres);
      this.#codecs.set(plan, codec);
    }
    return codec;
  }

  table({ model }: ModelPlan): string {
    return tableOf(this.root, model);
  }

  column({ model }: ModelPlan, field: string): string {
    return columnOf(this.root, model, field);
  }

  /** Runs a query of its own. `?` stands for each value. */
  query(sql: string, values: unknown[]): Promise<Row[]> {
    return methodsOf(this.#tx ?? this.root).$queryRawUnsafe(this.isPostgres ? numbered(sql) : sql, ...values);
  }

  /** Locks the row of this id until the transaction ends; false when there is none to lock. On SQLite the transaction has locked everything. */
  async lock(plan: ModelPlan, id: string): Promise<boolean> {
    if (!this.isPostgres) return true;
    const column = this.column(plan, "id");
    const locked = await this.query(`SELECT ${column} FROM ${this.table(plan)} WHERE ${column} = ? FOR UPDATE`, [id]);
    return locked.length > 0;
  }

  /** Runs `work` in a transaction, once; joins the one it is in. A rival that was faster is STALE_VERSION. */
  transaction<T>(work: (session: PrismaSession) => Promise<T>): Promise<T> {
    if (this.#tx) return work(this);
    return this.#inLine(() => this.#begin(work));
  }

  /** Runs one query, or `work` that is several, atomically; begins again when a rival was faster. */
  async atomically<T>(work: (session: PrismaSession) => Promise<T>): Promise<T> {
    if (this.#tx) return work(this);
    return this.#patiently(() => this.#inLine(() => this.#begin(work)));
  }

  /** Runs a single query, outside any transaction but in line. */
  async step<T>(work: (session: PrismaSession) => Promise<T>): Promise<T> {
    if (this.#tx) return work(this);
    return this.#patiently(() => this.#inLine(() => told(work(this))));
  }

  #begin<T>(work: (session: PrismaSession) => Promise<T>): Promise<T> {
    const run = async (tx: PrismaClientLike): Promise<T> => {
      if (!this.isPostgres) await this.#takeFile(tx);
      return work(new PrismaSession(this.root, this.#options, { of: this, tx }));
    };
    return told(methodsOf(this.root).$transaction(run, limits));
  }

  /** A transaction that reads first cannot write once another process has: this one begins with a write, of nothing. */
  async #takeFile(tx: PrismaClientLike): Promise<void> {
    const plan = this.#firstModel();
    const column = columnOf(this.root, plan, "id");
    await methodsOf(tx).$executeRawUnsafe(`UPDATE ${tableOf(this.root, plan)} SET ${column} = ${column} WHERE 1 = 0`);
  }

  #firstModel(): string {
    return ["WorkflowRun", "JobQueue", "AICall"].find((model) => fieldsOf(this.root, model) !== null) ?? "WorkflowRun";
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    if (this.isPostgres) return work();
    const before = lines.get(this.root) ?? Promise.resolve();
    const mine = before.then(work, work);
    lines.set(
      this.root,
      mine.catch(() => undefined),
    );
    return mine;
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof LostRaceError) || tries >= mostRetries) throw error;
        await this.#pause(tries);
      }
    }
  }

  /** The first tries follow at once; later ones wait a little, and not all equally long. */
  #pause(tries: number): Promise<void> {
    if (tries < 3) return new Promise((resolve) => this.#environment.defer(resolve));
    const ms = Math.ceil(this.#environment.random() * Math.min(longestPauseMs, 2 ** tries));
    return new Promise((resolve) => void this.#environment.setTimer(ms, resolve));
  }
}

/** A rival was faster: what was begun may begin again. */
class LostRaceError extends WorkflowEngineError {
  constructor(cause: unknown) {
    super("STALE_VERSION", "Another transaction was faster, or holds the database. Begin again.", { cause });
  }
}

/** Prisma's codes of a transaction that a rival has beaten: write conflict or deadlock, and a lock not had in time (SQLite). */
const rivalCodes: ReadonlySet<unknown> = new Set([
  "P2034",
  "P1008",
  "40001",
  "40P01",
  "SQLITE_BUSY",
  "SocketTimeout",
  "TransactionWriteConflict",
]);

/** Says of a transaction that a rival has beaten that it may begin again; leaves every other error as it is. */
async function told<T>(outcome: Promise<T>): Promise<T> {
  try {
    return await outcome;
  } catch (error) {
    if (error instanceof WorkflowEngineError || !hasRivalCode(error, 0)) throw error;
    throw new LostRaceError(error);
  }
}

/** Prisma wraps what the driver said: in `meta`, in a driver adapter's error, in causes. */
function hasRivalCode(error: unknown, depth: number): boolean {
  if (typeof error !== "object" || error === null || depth > 5) return false;
  const { code, kind, originalCode, meta, driverAdapterError, cause } = error as Row;
  if ([code, kind, originalCode].some((each) => rivalCodes.has(each))) return true;
  return [meta, driverAdapterError, cause].some((inner) => hasRivalCode(inner, depth + 1));
}

function numbered(sql: string): string {
  let count = 0;
  return sql.replaceAll("?", () => `$${(count += 1)}`);
}
