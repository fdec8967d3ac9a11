// The half of the CRUD port that hangs on runs and stages: logs, artifacts, events, idempotency keys (P2, P18).
import { realEnvironment } from "../environment.ts";
import type { Clock, Environment } from "../ports/environment.ts";
import type { ArtifactRecord, CreateLogInput, LogRecord, SaveArtifactInput } from "../ports/log.ts";
import type { CreateOutboxEventInput, OutboxRecord } from "../ports/outbox.ts";
import type { KeyHold, KeyState } from "../ports/persistence.ts";
import { fromText } from "../store/json-text.ts";
import { stageRecordId } from "../store/record-ids.ts";
import { artifactsInOrder, insertLog, putArtifact } from "./artifact-rows.ts";
import { artifactKey } from "./delete-run.ts";
import type { Session } from "./inner-session.ts";
import { replayDeadLetters } from "./memory-events.ts";
import { MemoryTables } from "./memory-tables.ts";
import { appendRawEvents, markEvent, markPublished, unpublishedEvents } from "./outbox-rows.ts";
import { toArtifactRecord, toLogRecord, toOutboxRecord } from "./rows.ts";
import type { TakeContext } from "./take.ts";
import { completeKey, findKey, holdKey, keyIdOf } from "./unit-key.ts";

const DEFAULT_EVENT_LIMIT = 100;

/** Options of `InMemoryWorkflowPersistence`; all have defaults. */
export interface MemoryPersistenceOptions {
  /** Where ids and, without a clock, time come from. */
  environment?: Pick<Environment, "now" | "newId"> | undefined;
  clock?: Clock | undefined;
  /** Rows to share; rows of its own when absent. */
  tables?: MemoryTables | undefined;
}

/** Logs, artifacts, events and keys, and the steps that everything of the CRUD port runs in. */
export class MemoryRecords {
  protected readonly options: MemoryPersistenceOptions & { tables: MemoryTables };
  protected readonly session: Session;
  readonly #context: () => TakeContext;

  constructor(options: MemoryPersistenceOptions, session: Session | undefined) {
    const tables = options.tables ?? new MemoryTables();
    const environment = options.environment ?? realEnvironment;
    const now = (): number => (options.clock ? options.clock.now().getTime() : environment.now());
    this.options = { ...options, tables };
    this.session = session ?? tables;
    this.#context = () => ({ tables, now: now(), newId: () => environment.newId() });
  }

  createLog(input: CreateLogInput): Promise<LogRecord> {
    return this.step(({ tables, now, newId }) => toLogRecord(insertLog(tables, input, newId(), now)));
  }

  saveArtifact(input: SaveArtifactInput): Promise<void> {
    return this.step(({ tables, now, newId }) => putArtifact(tables, input, newId(), now));
  }

  loadArtifact(workflowRunId: string, key: string): Promise<unknown> {
    return this.step(({ tables }) => fromText(tables.artifacts.get(artifactKey(workflowRunId, key))?.data ?? null));
  }

  hasArtifact(workflowRunId: string, key: string): Promise<boolean> {
    return this.step(({ tables }) => tables.artifacts.get(artifactKey(workflowRunId, key)) !== undefined);
  }

  deleteArtifact(workflowRunId: string, key: string): Promise<void> {
    return this.step(({ tables }) => tables.artifacts.delete(artifactKey(workflowRunId, key)));
  }

  listArtifacts(workflowRunId: string): Promise<ArtifactRecord[]> {
    return this.step(({ tables }) => artifactsInOrder(tables.artifacts.by("run", workflowRunId)).map(toArtifactRecord));
  }

  getStageIdForArtifact(workflowRunId: string, key: string): Promise<string | null> {
    return this.step(({ tables }) => tables.artifacts.get(artifactKey(workflowRunId, key))?.stageRecordId ?? null);
  }

  saveStageOutput(workflowRunId: string, workflowType: string, stageId: string, output: unknown): Promise<string> {
    return this.step(({ tables, now, newId }) => {
      const key = `workflow-v2/${workflowType}/${workflowRunId}/${stageId}/output.json`;
      const workflowStageId = tables.stages.get(stageRecordId(workflowRunId, stageId))?.recordId;
      putArtifact(tables, { workflowRunId, workflowStageId, key, type: "STAGE_OUTPUT", data: output }, newId(), now);
      return key;
    });
  }

  appendOutboxEvents(events: CreateOutboxEventInput[]): Promise<void> {
    return this.step(({ tables }) => appendRawEvents(tables, events));
  }

  getUnpublishedOutboxEvents(limit = DEFAULT_EVENT_LIMIT): Promise<OutboxRecord[]> {
    return this.step(({ tables }) => unpublishedEvents(tables, limit).map(toOutboxRecord));
  }

  markOutboxEventsPublished(ids: string[]): Promise<void> {
    return this.step(({ tables, now }) => markPublished(tables, ids, now));
  }

  incrementOutboxRetryCount(id: string): Promise<number> {
    return this.step(({ tables, now }) => markEvent(tables, id, now, (mark) => ({ ...mark, tries: mark.tries + 1 }))?.tries ?? 0);
  }

  moveOutboxEventToDLQ(id: string): Promise<void> {
    return this.step(({ tables, now }) => void markEvent(tables, id, now, (mark) => ({ ...mark, deadAt: now })));
  }

  replayDLQEvents(maxEvents: number): Promise<number> {
    return this.step(({ tables, now }) => replayDeadLetters(tables, maxEvents, now));
  }

  acquireIdempotencyKey(key: string, commandType: string, hold: KeyHold = {}): Promise<KeyState> {
    return this.step(({ tables, now }) => {
      const found = findKey(tables.keys.get(keyIdOf(commandType, key)), hold.hash, hold.owner, now);
      if (found.status === "done") return { status: "replay", result: found.result };
      if (found.status !== "free") return { status: found.status };
      holdKey(tables, commandType, key, hold, now);
      return { status: "acquired" };
    });
  }

  completeIdempotencyKey(key: string, commandType: string, result: unknown): Promise<void> {
    return this.step(({ tables, now }) => completeKey(tables, commandType, key, result, now));
  }

  releaseIdempotencyKey(key: string, commandType: string): Promise<void> {
    return this.step(({ tables }) => {
      const id = keyIdOf(commandType, key);
      if (tables.keys.get(id)?.completedAt === null) tables.keys.delete(id);
    });
  }

  /** One synchronous step, at one instant. */
  protected step<T>(work: (context: TakeContext) => T): Promise<T> {
    return this.session.step(() => work(this.#context()));
  }
}
