// `ai.batch(model, provider?)`: batches of one model, with a schema for each request and every result on the ledger.
import { FatalError, WorkflowEngineError } from "../../errors.ts";
import type { AIBatch, AIBatchRequest, AIBatchResult, BatchRun, BatchValueOf } from "./ai-batch-types.ts";
import type { BatchDesk } from "./batch-desk.ts";
import type { BatchHandle } from "./batch-provider.ts";
import { judge, recordOnce } from "./batch-results.ts";
import { BatchRunner } from "./batch-runner.ts";
import { checkBatch, requireWaited } from "./batch-state.ts";
import type { ChunkedProvider } from "./chunked-provider.ts";

/** Creates the batches of a model at a provider. */
export function createAIBatch(desk: BatchDesk, provider: ChunkedProvider): AIBatch {
  const submitted = new Map<string, { handle: BatchHandle; requests: readonly AIBatchRequest[] }>();
  const handleOf = (id: string, metadata?: Record<string, unknown>): BatchHandle => {
    const known = submitted.get(id)?.handle;
    const { requestCount } = (metadata ?? {}) as { requestCount?: number };
    const createdAt = new Date(desk.environment.now());
    return known ?? { id, provider: provider.name, requestCount: requestCount ?? 0, createdAt, metadata };
  };
  return {
    run: async <R extends AIBatchRequest>(requests: readonly R[], options = {}) => {
      if (desk.place) return (await new BatchRunner(desk, desk.place, requests, options).run()) as BatchRun<BatchValueOf<R>>;
      throw new WorkflowEngineError(
        "NOT_CONFIGURED",
        "ai.batch(...).run(...) suspends its stage, so it works in the execute of an async-batch stage only. Elsewhere: submit, getStatus, getResults.",
      );
    },
    check: (state) => checkBatch(provider.batches, requireWaited(state), desk.environment.now(), desk.signal),
    submit: async (requests, options) => {
      const { temperature, maxTokens } = desk.defaults;
      const wire = requests.map(({ id, ...request }) => ({ temperature, maxTokens, ...request, customId: id, model: desk.modelId }));
      const handle = await provider.submit(wire, options);
      const metadata = { ...handle.metadata, requestCount: handle.requestCount };
      submitted.set(handle.id, { handle: { ...handle, metadata }, requests: [...requests] });
      return { ...handle, metadata };
    },
    getStatus: (id) => provider.checkStatus(handleOf(id)),
    getResults: async (id, metadata) => {
      const requests = submitted.get(id)?.requests ?? (metadata?.["requests"] as readonly AIBatchRequest[] | undefined) ?? [];
      const handle = handleOf(id, metadata);
      const requestCount = handle.requestCount || requests.length || (await provider.checkStatus(handle)).totalCount;
      const results = await provider.getResults({ ...handle, requestCount });
      return judge(
        results,
        requests.map((request) => request.id),
        byId(requests),
      );
    },
    cancel: (id) => provider.cancel(handleOf(id)),
    isRecorded: (id) => desk.logger.isRecorded(id),
    recordResults: async (id, results: readonly AIBatchResult[]) => {
      if (results.length === 0) throw new FatalError(`Batch ${id} has no results to record.`);
      await recordOnce(desk, id, results, { requests: byId(submitted.get(id)?.requests ?? []), isWhole: true });
    },
  };
}

function byId(requests: readonly AIBatchRequest[]): Map<string, AIBatchRequest> {
  return new Map(requests.map((request) => [request.id, request]));
}
