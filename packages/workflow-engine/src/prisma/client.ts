// What the adapters need of a Prisma client, as structure: nothing of Prisma is imported, neither its types nor its code, so that any
// generated client of Prisma 6 or 7 fits. Tables and columns are called what the client calls them.
import { WorkflowEngineError } from "../errors.ts";

/** A row as a delegate takes and gives it, by the names of the schema's fields. */
export type Row = Record<string, unknown>;

/** A Prisma client; a real one has far more. */
export interface PrismaClientLike {
  readonly $transaction: unknown;
  readonly $queryRawUnsafe: unknown;
  readonly $executeRawUnsafe: unknown;
}

/** Narrows and orders what a delegate finds. */
export interface PrismaQuery {
  where?: Row | undefined;
  orderBy?: Row[] | undefined;
  take?: number | undefined;
  select?: Row | undefined;
}

/** The queries of one model. */
export interface PrismaDelegate {
  create(args: { data: Row }): Promise<Row>;
  createMany(args: { data: Row[]; skipDuplicates?: boolean }): Promise<{ count: number }>;
  findFirst(args: PrismaQuery): Promise<Row | null>;
  findMany(args: PrismaQuery): Promise<Row[]>;
  updateMany(args: { where: Row; data: Row }): Promise<{ count: number }>;
  deleteMany(args: { where: Row }): Promise<{ count: number }>;
  groupBy(args: { by: string[]; where?: Row; _count?: true | Row; _sum?: Row; _max?: Row }): Promise<Row[]>;
}

/** How long Prisma waits for a connection, and lets a transaction last. Milliseconds. */
export interface TransactionLimits {
  maxWait: number;
  timeout: number;
}

/** The methods of a client that are no model. */
export interface PrismaMethods {
  $transaction<T>(work: (tx: PrismaClientLike) => Promise<T>, limits?: TransactionLimits): Promise<T>;
  $queryRawUnsafe(sql: string, ...values: unknown[]): Promise<Row[]>;
  $executeRawUnsafe(sql: string, ...values: unknown[]): Promise<number>;
}

/** The databases that the adapters know. */
export type DatabaseType = "postgresql" | "sqlite";

/** One field of a model, as the client's runtime knows it. */
export interface FieldName {
  name: string;
  /** `String`, `Int`, `BigInt`, `DateTime`, ... */
  type: string;
  /** Its column, when it is called otherwise. */
  dbName?: string | null;
}

interface ModelName {
  dbName?: string | null;
  schema?: string | null;
  fields: FieldName[];
}

/** The client's methods. */
export function methodsOf(client: PrismaClientLike): PrismaMethods {
  return client as unknown as PrismaMethods;
}

/** The queries of a model; throws NOT_CONFIGURED when the client has no such model. */
export function delegateOf(client: PrismaClientLike, model: string): PrismaDelegate {
  const delegate = (client as unknown as Record<string, PrismaDelegate | undefined>)[delegateName(model)];
  if (delegate) return delegate;
  throw new WorkflowEngineError(
    "NOT_CONFIGURED",
    `The Prisma client has no model ${model}. Add the engine's models to schema.prisma and run prisma generate.`,
  );
}

/** Fields of a model; null when the client has no such model, or does not tell. */
export function fieldsOf(client: PrismaClientLike, model: string): readonly FieldName[] | null {
  return modelOf(client, model)?.fields ?? null;
}

/** The quoted table of a model, with its schema where the client names one. */
export function tableOf(client: PrismaClientLike, model: string): string {
  const { dbName, schema } = requireModel(client, model);
  const table = quoted(dbName ?? model);
  return schema ? `${quoted(schema)}.${table}` : table;
}

/** The quoted column of a field. */
export function columnOf(client: PrismaClientLike, model: string, field: string): string {
  const found = requireModel(client, model).fields.find(({ name }) => name === field);
  return quoted(found?.dbName ?? field);
}

/** The database behind a client: what the caller says, else what the client says, else PostgreSQL. */
export function databaseTypeOf(client: PrismaClientLike, told: DatabaseType | undefined): DatabaseType {
  if (told !== undefined) return told;
  return (client as { _activeProvider?: unknown })._activeProvider === "sqlite" ? "sqlite" : "postgresql";
}

function requireModel(client: PrismaClientLike, model: string): ModelName {
  const found = modelOf(client, model);
  if (found) return found;
  throw new WorkflowEngineError(
    "NOT_CONFIGURED",
    `The Prisma client does not know model ${model}. Add the engine's models to schema.prisma, run prisma generate, and pass the client itself.`,
  );
}

function modelOf(client: PrismaClientLike, model: string): ModelName | null {
  const { _runtimeDataModel: known } = client as { _runtimeDataModel?: { models?: Record<string, ModelName> } };
  return known?.models?.[model] ?? null;
}

function delegateName(model: string): string {
  return model.charAt(0).toLowerCase() + model.slice(1);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
