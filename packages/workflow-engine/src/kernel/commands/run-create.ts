// run.create: validates everything before anything is stored; key, run and event commit together (P1, P2).
import { parseConfig } from "../../define/config.ts";
import { canonicalJson, hashText } from "../../define/fingerprint.ts";
import type { AnyWorkflow } from "../../define/workflow.ts";
import { errorCodeOf, WorkflowEngineError } from "../../errors.ts";
import { describeIssues, parse } from "../execute/failures.ts";
import { type KernelParts, requireWorkflow } from "../execute/parts.ts";
import { isStoredAsBlob, storePayload, toJson } from "../execute/payloads.ts";
import { runBlobPrefix } from "../execute/stage-storage.ts";
import { type Created, create } from "../rules/create.ts";
import { budgetOf } from "./budget-amounts.ts";
import type { RunCreateCommand } from "./command.ts";
import { requireText } from "./fields.ts";

const defaultPriority = 5;

/** Creates a run, or answers the one that the same key created. */
export async function runCreate(parts: KernelParts, command: RunCreateCommand): Promise<Created> {
  const { workflowId, priority = defaultPriority } = command;
  const key = requireText(command, "idempotencyKey");
  const workflow = requireWorkflow(parts.registry, requireText(command, "workflowId"));
  assertNumbers(command, priority);
  const input = await parseInput(workflow, command.input);
  const config = requireConfig(workflow, command.config);
  const runId = command.workflowRunId === undefined ? parts.environment.newId() : requireText(command, "workflowRunId");
  const budget = budgetOf(workflow.budget, command.budget);
  assertBudgetKept(parts, budget !== undefined);
  const blobKey = `${runBlobPrefix(workflowId, runId)}input.json`;
  const options = {
    runId,
    workflowId,
    workflowName: workflow.name,
    workflowVersion: workflow.plan.fingerprint,
    priority,
    startAt: command.startAt?.getTime() ?? null,
    input: await storePayload(input, { what: `Input of workflow "${workflowId}"`, blobKey }, parts.limits, parts.blobStore),
    config: toJson(config, "Workflow config"),
    metadata: command.metadata === undefined ? null : toJson(command.metadata, "Metadata"),
    parentRunId: command.parentRunId ?? null,
    ...(budget && { budget }),
  };
  const created = await parts.store
    .transact<Created>({
      runId,
      isNew: command.workflowRunId === undefined,
      key: {
        key,
        commandType: command.type,
        hash: hashOf(command, priority),
        mode: "once",
        resultOf: (result) => result,
        replay: (stored) => stored as Created,
      },
      decide: create(options),
    })
    .catch(async (error: unknown) => {
      if (isKeyTaken(error) || parts.store.isJoined) await discardInput(parts, options.input);
      throw error; // of any other error nobody knows whether the run was created after all, unless the transaction is the caller's
    });
  // a replay names another run: what this one put aside belongs to nobody
  if (created.workflowRunId !== runId) await discardInput(parts, options.input);
  if (created.workflowRunId === runId && command.startAt) {
    const told = wakeAt(parts, runId, command.startAt);
    if (parts.store.isJoined) await told;
  }
  return created;
}

function isKeyTaken(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === "IDEMPOTENCY_CONFLICT" || code === "IDEMPOTENCY_IN_PROGRESS";
}

/** Removes the blob of an input that no run names; that it stays is no reason to fail. */
async function discardInput({ blobStore }: KernelParts, input: string): Promise<void> {
  if (!isStoredAsBlob(input)) return;
  const { $blob } = JSON.parse(input) as { $blob: string };
  await blobStore.delete($blob).catch(() => undefined);
}

/** Tells the scheduler of a start that lies in the future (P12); a host that polls does not need it, so its failure is none of the run's. */
function wakeAt(parts: KernelParts, runId: string, startAt: Date): Promise<void> {
  const payload = { workflowRunId: runId, correlationId: runId };
  return Promise.resolve(parts.scheduler.schedule("run.claimPending", payload, startAt)).catch(() => undefined);
}

async function parseInput(workflow: AnyWorkflow, input: unknown): Promise<unknown> {
  const parsed = await parse(workflow.inputSchema, input);
  if (parsed.success) return parsed.data;
  throw new WorkflowEngineError("INVALID_INPUT", `Invalid workflow input: ${describeIssues(parsed.error)}`);
}

function requireConfig(workflow: AnyWorkflow, given: Record<string, unknown> | undefined): Record<string, unknown> {
  const parsed = parseConfig(workflow, (given ?? {}) as Record<string, Record<string, unknown>>);
  if (parsed.valid) return parsed.config;
  const problems = parsed.errors.map(({ stageId, error }) => `${stageId}: ${error}`).join(", ");
  throw new WorkflowEngineError("INVALID_CONFIG", `Invalid workflow config: ${problems}`);
}

function assertBudgetKept({ store }: KernelParts, isWanted: boolean): void {
  if (!isWanted || store.keepsBudgets) return;
  throw new WorkflowEngineError(
    "NOT_CONFIGURED",
    "run.create: this persistence keeps no budgets, or not with this aiCallLogger. Use a store of ours, or the Prisma adapters and call logger of one client.",
  );
}

function assertNumbers(command: RunCreateCommand, priority: number): void {
  if (!Number.isSafeInteger(priority)) {
    throw new WorkflowEngineError("INVALID_COMMAND", `run.create: priority must be a whole number, got ${String(priority)}`);
  }
  if (command.startAt !== undefined && !(command.startAt instanceof Date && Number.isFinite(command.startAt.getTime()))) {
    throw new WorkflowEngineError("INVALID_COMMAND", "run.create: startAt must be a valid Date");
  }
}

/** The same key with another payload must not answer somebody else's run. */
function hashOf({ workflowId, input, config = {}, metadata, startAt, parentRunId, budget }: RunCreateCommand, priority: number): string {
  const start = startAt?.getTime() ?? null;
  const parts = [workflowId, input, config, priority, metadata ?? null, start, parentRunId ?? null];
  return hashText(canonicalJson(budget === undefined ? parts : [...parts, budget]));
}
