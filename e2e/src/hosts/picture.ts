// A run as everybody must see it, without what differs from run to run: ids, instants, who did it.
import type { Persistence, Reader } from "@bratsos/workflow-engine";

const unsettled: ReadonlySet<string> = new Set([
  "stageId",
  "stageName",
  "stageNumber",
  "duration",
  "nextPollAt",
  "retryAt",
  "output",
  "type",
  "timestamp",
  "workflowRunId",
  "eventId",
]);

/** Reads rows and events of a run. */
export async function pictureOf(reader: Reader, persistence: Persistence, runId: string) {
  const run = await persistence.getRun(runId);
  const stages = await persistence.getStagesByRun(runId);
  const attempts = await reader.listAttempts(runId);
  const logs = (await reader.listLogs(runId, {})).items;
  const events = await reader.listEvents(runId, 0, 1_000);
  const lines = events.map(({ eventType, payload }) => {
    const fields = payload as Record<string, unknown>;
    const rest = Object.fromEntries(Object.entries(fields).filter(([name]) => !unsettled.has(name) && !name.startsWith("total")));
    const detail = Object.keys(rest).length > 0 && eventType.startsWith("stage:") ? [JSON.stringify(rest)] : [];
    return { stageId: fields["stageId"], line: [eventType, fields["stageId"], ...detail].filter((part) => part !== undefined).join(" ") };
  });
  const byStage = Map.groupBy(
    lines.filter(({ line }) => line.startsWith("stage:")),
    ({ stageId }) => String(stageId),
  );
  return {
    run: {
      ...{ status: run?.status, output: run?.output, errorMessage: run?.errorMessage ?? null, priority: run?.priority },
      ...{ input: run?.input, metadata: withoutEngine(run?.metadata) },
    },
    stages: stages
      .map((stage) => ({
        ...{ stageId: stage.stageId, status: stage.status, attempt: stage.attempt, group: stage.executionGroup },
        ...{ output: stage.outputData, error: stage.errorMessage, next: stage.nextPollAt },
      }))
      .toSorted((a, b) => (a.stageId < b.stageId ? -1 : 1)),
    attempts: [...Map.groupBy(attempts, ({ stageId }) => stageId)]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([stageId, own]) => own.map(({ attempt, status, error }) => `${stageId} ${attempt} ${status} ${error}`)),
    logs: logs.map(({ workflowStageId, level, message, metadata }) => {
      const stage = stages.find(({ id }) => id === workflowStageId)?.stageId;
      return `${stage} ${level} ${message} ${JSON.stringify(metadata)}`;
    }),
    artifacts: (await persistence.listArtifacts(runId)).map(({ key }) => key),
    runEvents: lines.filter(({ line }) => !line.startsWith("stage:")).map(({ line }) => line),
    stageEvents: Object.fromEntries([...byStage].map(([stageId, own]) => [stageId, own.map(({ line }) => line)])),
  };
}

/** What the engine keeps beside the caller's own metadata on stores that have no columns for it. */
function withoutEngine(metadata: Record<string, unknown> | null | undefined): Record<string, unknown> {
  const { $engine: _, ...own } = metadata ?? {};
  return own;
}
