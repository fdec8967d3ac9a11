// Rows of one model in a session, as records. What cannot be written without knowing the row (packed fields) locks and reads it first.
import { errorCodeOf, StaleVersionError, WorkflowEngineError } from "../errors.ts";
import type { PrismaDelegate, PrismaQuery, Row } from "./client.ts";
import type { ModelPlan } from "./models.ts";
import type { RowCodec } from "./row-codec.ts";
import type { PrismaSession } from "./session.ts";

/** The rows of one model. */
export class Rows<T> {
  readonly #session: PrismaSession;
  readonly #plan: ModelPlan;

  constructor(session: PrismaSession, plan: ModelPlan) {
    this.#session = session;
    this.#plan = plan;
  }

  get codec(): RowCodec {
    return this.#session.codec(this.#plan);
  }

  /** Inserts a record; one that is there already is refused with STORE_REFUSED. */
  async create(fields: Row): Promise<T> {
    try {
      return this.codec.toRecord<T>(await this.#delegate.create({ data: this.codec.toInsert(fields) }));
    } catch (error) {
      if (errorCodeOf(error) !== "P2002") throw error;
      throw new WorkflowEngineError(
        "STORE_REFUSED",
        `${this.#plan.model} ${String(fields["id"])} exists already, or one of the same name`,
        { cause: error },
      );
    }
  }

  /** Inserts those records whose id is new; answers how many. Run it in a transaction. */
  async createMissing(records: readonly Row[]): Promise<number> {
    const data = records.map((fields) => this.codec.toInsert(fields));
    if (this.#session.isPostgres) return (await this.#delegate.createMany({ data, skipDuplicates: true })).count;
    const ids = records.map(({ id }) => id);
    const found = await this.#delegate.findMany({ where: { id: { in: ids } }, select: { id: true } });
    const known = new Set(found.map(({ id }) => id));
    const missing = data.filter(({ id }, i) => !known.has(id) && ids.indexOf(id) === i);
    return missing.length === 0 ? 0 : (await this.#delegate.createMany({ data: missing })).count;
  }

  /** Inserts records. */
  async createAll(records: readonly Row[]): Promise<void> {
    if (records.length > 0) await this.#delegate.createMany({ data: records.map((fields) => this.codec.toInsert(fields)) });
  }

  async find(where: Row, orderBy?: Row[]): Promise<T | null> {
    const row = await this.#delegate.findFirst({ where, ...(orderBy && { orderBy }) });
    return row && this.codec.toRecord<T>(row);
  }

  async list(query: PrismaQuery): Promise<T[]> {
    const rows = await this.#delegate.findMany(query);
    return rows.map((row) => this.codec.toRecord<T>(row));
  }

  /** Sets fields that have columns wherever `where` holds; answers how many rows. */
  async set(where: Row, fields: Row): Promise<number> {
    return (await this.#delegate.updateMany({ where, data: this.codec.toSet(fields) })).count;
  }

  /** Adds to a number wherever `where` holds. */
  async add(where: Row, field: string, by: number): Promise<number> {
    return (await this.#delegate.updateMany({ where, data: { [field]: { increment: by } } })).count;
  }

  async delete(where: Row): Promise<number> {
    return (await this.#delegate.deleteMany({ where })).count;
  }

  /** Locks the row of this id and reads it; null when there was none to lock. Run it in a transaction. */
  async lock(id: string): Promise<T | null> {
    // a row that was committed since could be read, but nobody would be kept from it
    return (await this.#session.lock(this.#plan, id)) ? this.find({ id }) : null;
  }

  /** Changes any field of a record that was locked. */
  async change(before: T, fields: Row): Promise<void> {
    const old = before as Row;
    await this.#delegate.updateMany({ where: { id: old["id"] }, data: this.codec.toUpdate(fields, old) });
  }

  get #delegate(): PrismaDelegate {
    return this.#session.of(this.#plan);
  }
}

interface Versioned {
  id: string;
  version: number;
}

/** Sets fields of a record and makes it a new version; false when there is none. Throws STALE_VERSION. */
export async function setVersioned<T extends Versioned>(
  session: PrismaSession,
  plan: ModelPlan,
  id: string,
  fields: Row & { expectedVersion?: number | undefined },
): Promise<boolean> {
  const { expectedVersion: expected, ...set } = { ...fields, updatedAt: session.now() };
  const codec = session.codec(plan);
  if (!codec.hasColumn("version") || codec.needsRow(set))
    return session.atomically((inner) => setLocked<T>(inner, plan, id, set, expected));
  return session.step(async (inner) => {
    const where = { id, ...(expected !== undefined && { version: expected }) };
    const data = { ...codec.toSet(set), version: { increment: 1 } };
    if ((await inner.of(plan).updateMany({ where, data })).count > 0) return true;
    const found = await new Rows<T>(inner, plan).find({ id });
    if (found && expected !== undefined) throw new StaleVersionError(plan.model, id, expected, found.version);
    return found !== null;
  });
}

async function setLocked<T extends Versioned>(session: PrismaSession, plan: ModelPlan, id: string, set: Row, expected: number | undefined) {
  const rows = new Rows<T>(session, plan);
  const before = await rows.lock(id);
  if (!before) return false;
  const version = before.version ?? 0;
  if (expected !== undefined && version !== expected) throw new StaleVersionError(plan.model, id, expected, version);
  await rows.change(before, { ...set, version: version + 1 });
  return true;
}
