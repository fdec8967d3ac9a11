// Rows of model calls. Where the schema lacks columns that the ledger needs, each call has an idempotency key beside its row, which holds
// the rest as Json: found by the call, by the run (its command type), and by where the call stands (its key).
import type { CallFilter, ExecutionSum } from "../ports/ledger.ts";
import { isBelowTopic } from "../store/call-topics.ts";
import { sumByExecution } from "../store/execution-sums.ts";
import type { CallRecord } from "./call-records.ts";
import type { Row } from "./client.ts";
import type { KeyRecord } from "./key-rows.ts";
import { callModel, keyModel } from "./models.ts";
import { Rows } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

/** Command type of the keys that belong to calls, up to the id of the run. */
export const callKeyType = "ai.call:";

const chunk = 500;
const lacking = (session: PrismaSession): readonly string[] => {
  const codec = session.codec(callModel);
  return callModel.optional!.filter((field) => !codec.hasColumn(field));
};

/** True when every field of a call has a column that keeps it exactly. */
export function hasCallColumns(session: PrismaSession): boolean {
  return lacking(session).length === 0 && session.codec(callModel).isExact("cost");
}

/** Inserts calls; one that is there already is refused with STORE_REFUSED. Run it in a transaction. */
export async function insertCalls(session: PrismaSession, records: readonly CallRecord[]): Promise<void> {
  const rows = new Rows<CallRecord>(session, callModel);
  const isWhole = hasCallColumns(session);
  const inRow = records.map((record) => ({ ...record, cost: isWhole ? record.cost : (record.cost ?? 0n) }));
  if (inRow.length === 1) await rows.create(inRow[0]!);
  else for (let i = 0; i < inRow.length; i += chunk) await rows.createAll(inRow.slice(i, i + chunk));
  if (isWhole) return;
  const keys = records.map((record) => ({ ...keyOf(session, record), createdAt: record.createdAt }));
  for (let i = 0; i < keys.length; i += chunk) await new Rows<KeyRecord>(session, keyModel).createAll(keys.slice(i, i + chunk));
}

/** One call; null when there is none. */
export async function findCall(session: PrismaSession, id: string): Promise<CallRecord | null> {
  const record = await new Rows<CallRecord>(session, callModel).find({ id });
  if (!record || hasCallColumns(session)) return record;
  return withRest(record, await new Rows<KeyRecord>(session, keyModel).find({ id: keyId(id) }));
}

/** Ends an open call, once; false when somebody else has. Run it in a transaction. */
export async function endCall(session: PrismaSession, { id }: CallRecord, end: Partial<CallRecord>): Promise<boolean> {
  const rows = new Rows<CallRecord>(session, callModel);
  if (hasCallColumns(session)) return (await rows.set({ id, status: "open" }, end)) > 0;
  const keys = new Rows<KeyRecord>(session, keyModel);
  const key = await keys.lock(keyId(id));
  const before = await rows.find({ id });
  const record = before && key && withRest(before, key);
  if (record?.status !== "open") return false;
  const after = { ...record, ...end };
  const { key: name, result } = keyOf(session, after);
  await keys.change(key!, { key: name, result });
  await rows.set({ id }, { ...end, cost: after.cost ?? 0n });
  return true;
}

/** Calls that a filter lets through, by id. */
export async function listCalls(session: PrismaSession, filter: CallFilter & { limit: number }): Promise<CallRecord[]> {
  const { runId, topicPrefix = "", status, limit, after } = filter;
  if (!hasCallColumns(session)) return listByKeys(session, filter);
  const where = {
    ...(runId !== undefined && { workflowRunId: runId }),
    ...(status !== undefined && { status }),
    ...(after !== undefined && { id: { gt: after } }),
    ...belowTopic(session, topicPrefix),
  };
  return session.step((inner) => new Rows<CallRecord>(inner, callModel).list({ where, orderBy: [{ id: "asc" }], take: limit }));
}

/** Sums over the calls of a run. */
export async function sumCalls(session: PrismaSession, runId: string): Promise<ExecutionSum[]> {
  if (!hasCallColumns(session)) {
    const records = await listByKeys(session, { runId, limit: Number.POSITIVE_INFINITY });
    return sumByExecution(records.map((record) => ({ ...record, costPico: record.cost })));
  }
  const by = ["callType", "stageId", "executionId", "status", "isEstimated"];
  const groups = await session.step((inner) =>
    inner.of(callModel).groupBy({
      ...{ by, where: { workflowRunId: runId }, _count: { _all: true, cost: true } },
      _sum: { inputTokens: true, outputTokens: true, cost: true },
    }),
  );
  return groups.map(({ _count: counts, _sum: sums, ...group }) => {
    const { _all, cost: priced } = counts as { _all: number; cost: number };
    const { inputTokens, outputTokens, cost } = session.codec(callModel).toRecord<CallRecord>(sums as Row);
    const kind = group as Pick<ExecutionSum, "callType" | "stageId" | "executionId" | "status" | "isEstimated">;
    return { ...kind, calls: _all, unpriced: _all - priced, inputTokens, outputTokens, costPico: cost ?? 0n };
  });
}

/** Deletes the calls of a run. Run it in a transaction. */
export async function deleteCalls(session: PrismaSession, runId: string): Promise<void> {
  const calls = session.of(callModel);
  if (session.codec(callModel).hasColumn("workflowRunId")) await calls.deleteMany({ where: { workflowRunId: runId } });
  if (hasCallColumns(session)) return;
  const keys = session.of(keyModel);
  const where = { commandType: `${callKeyType}${runId}` };
  for (;;) {
    const ids = (await keys.findMany({ where, take: chunk, select: { id: true } })).map(({ id }) => id as string);
    if (ids.length === 0) return;
    await calls.deleteMany({ where: { id: { in: ids.map((id) => id.slice(callKeyType.length)) } } });
    await keys.deleteMany({ where: { id: { in: ids } } });
  }
}

/** What holds for calls of a topic and of every topic below it. Prisma escapes nothing that LIKE takes for a pattern. */
export function belowTopic(session: PrismaSession, prefix: string): Row {
  if (prefix === "") return {};
  const literal = `${prefix}.`.replaceAll(/[\\%_]/g, (sign) => `\\${sign}`);
  const below = session.isPostgres ? { startsWith: literal } : { gte: `${prefix}.`, lt: `${prefix}/` };
  return { OR: [{ topic: prefix }, { topic: below }] };
}

async function listByKeys(session: PrismaSession, filter: CallFilter & { limit: number }): Promise<CallRecord[]> {
  const { runId, topicPrefix = "", status, limit } = filter;
  const where = {
    commandType: runId === undefined ? { startsWith: callKeyType } : `${callKeyType}${runId}`,
    ...(status !== undefined && { key: { startsWith: `${status}/` } }),
  };
  const found: CallRecord[] = [];
  for (let after = keyId(filter.after ?? ""); ; ) {
    const query = { where: { ...where, id: { gt: after } }, orderBy: [{ id: "asc" }], take: chunk };
    const keys = await session.step((inner) => new Rows<KeyRecord>(inner, keyModel).list(query));
    const ids = keys.map(({ id }) => id.slice(callKeyType.length));
    const records = await session.step((inner) => new Rows<CallRecord>(inner, callModel).list({ where: { id: { in: ids } } }));
    const byId = new Map(records.map((record) => [record.id, record]));
    for (const key of keys) {
      const record = byId.get(key.id.slice(callKeyType.length));
      if (record && isBelowTopic(record.topic, topicPrefix)) found.push(withRest(record, key));
    }
    if (keys.length < chunk || found.length >= limit) return found.slice(0, limit);
    after = keys.at(-1)!.id;
  }
}

function keyId(callId: string): string {
  return `${callKeyType}${callId}`;
}

/** The key that holds what a call's row has no column for. */
function keyOf(session: PrismaSession, record: CallRecord) {
  const rest = Object.fromEntries(lacking(session).map((field) => [field, record[field as keyof CallRecord]]));
  const { id, status, workflowRunId, cost } = record;
  const result = { ...rest, cost: cost === null ? null : cost.toString() };
  return { id: keyId(id), key: `${status}/${id}`, commandType: `${callKeyType}${workflowRunId ?? ""}`, result };
}

/** A record with what its key holds; a call that others logged has none. */
function withRest(record: CallRecord, key: KeyRecord | null): CallRecord {
  if (!key) return record;
  const { cost, closedAt, ...rest } = key.result as { cost: string | null; closedAt?: string | null };
  const at = closedAt === undefined ? record.closedAt : closedAt === null ? null : new Date(closedAt);
  return { ...record, ...rest, closedAt: at, cost: cost === null ? null : BigInt(cost) };
}
