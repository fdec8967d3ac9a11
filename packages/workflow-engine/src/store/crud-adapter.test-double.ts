// A persistence as a person would write it: the CRUD port and nothing else. Writing a run or a key locks it, foreign keys are checked,
// and a transaction really rolls back.
import { StaleVersionError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import type * as Port from "../ports/index.ts";
import { beginTransaction, Database, type Row, type TableName, type Transaction } from "./crud-database.test-double.ts";

/** One connection; `withTransaction` hands out one that is inside a transaction. */
export class CrudAdapter implements Port.Persistence {
  readonly database: Database;
  readonly #environment: Environment;
  readonly #tx: Transaction | null;

  constructor(environment: Environment, database = new Database(), tx: Transaction | null = null) {
    this.#environment = environment;
    this.database = database;
    this.#tx = tx;
  }

  async withTransaction<T>(fn: (tx: Port.Persistence) => Promise<T>): Promise<T> {
    const tx = beginTransaction();
    let isCommitted = false;
    try {
      const result = await fn(new CrudAdapter(this.#environment, this.database, tx));
      isCommitted = true;
      return result;
    } finally {
      this.database.end(tx, isCommitted);
    }
  }

  #get<V>(table: TableName, id: string): V | null {
    return this.database.get(this.#tx, table, id) as V | null;
  }

  #all<V>(table: TableName, isWanted: (row: V) => boolean): V[] {
    return this.database.all(this.#tx, table, isWanted);
  }

  #put(table: TableName, id: string, row: object | null): void {
    this.database.put(this.#tx, table, id, row);
  }

  async #inLock<T>(key: string, work: () => T): Promise<T> {
    const waiting = this.#tx ?? beginTransaction();
    await this.database.lock(waiting, key);
    try {
      return work();
    } finally {
      if (!this.#tx) this.database.end(waiting, true);
    }
  }

  #now = (): Date => new Date(this.#environment.now());
  #stamp = (): { createdAt: Date; updatedAt: Date } => ({ createdAt: this.#now(), updatedAt: this.#now() });

  #requireParent(table: TableName, id: string | undefined | null): void {
    if (id && !this.#get(table, id)) throw new Error(`foreign key violated: no ${table} ${id}`);
  }

  async createRun(input: Port.CreateRunInput): Promise<Port.RunRecord> {
    const id = input.id ?? this.#environment.newId();
    if (this.#get("runs", id)) throw new Error(`duplicate run ${id}`);
    const empty = { startedAt: null, completedAt: null, duration: null, output: null, totalCost: 0, totalTokens: 0 };
    const run = { priority: 5, config: {}, metadata: null, status: "PENDING", ...input, id, ...this.#stamp(), version: 1, ...empty };
    this.#put("runs", id, run);
    return this.#get<Port.RunRecord>("runs", id)!;
  }

  async updateRun(id: string, { expectedVersion, ...input }: Port.UpdateRunInput): Promise<void> {
    await this.#inLock(`run:${id}`, () => {
      const run = this.#get<Port.RunRecord>("runs", id);
      if (!run) throw new Error(`no run ${id}`);
      if (expectedVersion !== undefined && run.version !== expectedVersion)
        throw new StaleVersionError("WorkflowRun", id, expectedVersion, run.version);
      this.#put("runs", id, { ...run, ...defined(input), version: run.version + 1, updatedAt: this.#now() });
    });
  }

  getRun = async (id: string): Promise<Port.RunRecord | null> => this.#get("runs", id);
  getRunStatus = async (id: string): Promise<Port.Status | null> => this.#get<Port.RunRecord>("runs", id)?.status ?? null;
  getRunsByStatus = async (status: Port.Status): Promise<Port.RunRecord[]> =>
    this.#all<Port.RunRecord>("runs", (run) => run.status === status);

  claimPendingRun(id: string): Promise<boolean> {
    return this.#inLock(`run:${id}`, () => {
      const run = this.#get<Port.RunRecord>("runs", id);
      if (run?.status === "PENDING") this.#put("runs", id, { ...run, status: "RUNNING", version: run.version + 1 });
      return run?.status === "PENDING";
    });
  }

  async claimNextPendingRun(): Promise<Port.RunRecord | null> {
    const [next] = (await this.getRunsByStatus("PENDING")).sort((a, b) => b.priority - a.priority);
    return next && (await this.claimPendingRun(next.id)) ? this.#get("runs", next.id) : null;
  }

  async createStage(input: Port.CreateStageInput): Promise<Port.StageRecord> {
    const { id = this.#environment.newId(), workflowRunId, stageId } = input;
    this.#requireParent("runs", workflowRunId);
    if (await this.getStage(workflowRunId, stageId)) throw new Error(`duplicate stage ${stageId}`);
    const times = { startedAt: null, completedAt: null, duration: null, nextPollAt: null, pollInterval: null, maxWaitUntil: null };
    const json = {
      inputData: null,
      outputData: null,
      config: null,
      suspendedState: null,
      resumeData: null,
      metrics: null,
      embeddingInfo: null,
    };
    const empty = { status: "PENDING", attempt: 0, errorMessage: null, version: 1, ...times, ...json };
    this.#put("stages", id, { ...empty, ...defined(input), id, ...this.#stamp() });
    return this.#get<Port.StageRecord>("stages", id)!;
  }

  async upsertStage({ workflowRunId, stageId, create, update }: Port.UpsertStageInput): Promise<Port.StageRecord> {
    const stage = await this.getStage(workflowRunId, stageId);
    if (!stage) return this.createStage(create);
    await this.updateStage(stage.id, update);
    return this.#get<Port.StageRecord>("stages", stage.id)!;
  }

  async updateStage(id: string, { expectedVersion: _, ...input }: Port.UpdateStageInput): Promise<void> {
    const stage = this.#get<Port.StageRecord>("stages", id);
    if (!stage) throw new Error(`no stage ${id}`);
    this.#put("stages", id, { ...stage, ...defined(input), version: stage.version + 1, updatedAt: this.#now() });
  }

  async updateStageByRunAndStageId(runId: string, stageId: string, input: Port.UpdateStageInput): Promise<void> {
    await this.updateStage((await this.getStage(runId, stageId))!.id, input);
  }

  getStage = async (runId: string, stageId: string): Promise<Port.StageRecord | null> =>
    this.#all<Port.StageRecord>("stages", (stage) => stage.workflowRunId === runId && stage.stageId === stageId)[0] ?? null;
  getStageById = async (id: string): Promise<Port.StageRecord | null> => this.#get("stages", id);
  getStagesByRun = async (runId: string, query: Port.StageQuery = {}): Promise<Port.StageRecord[]> =>
    this.#all<Port.StageRecord>("stages", (row) => row.workflowRunId === runId && row.status === (query.status ?? row.status)).sort(
      (a, b) => (a.executionGroup - b.executionGroup || a.stageNumber - b.stageNumber) * (query.orderBy === "desc" ? -1 : 1),
    );
  getSuspendedStages = async (before: Date): Promise<Port.StageRecord[]> =>
    this.#all<Port.StageRecord>("stages", (row) => row.status === "SUSPENDED" && row.nextPollAt !== null && row.nextPollAt <= before);
  getFirstSuspendedStageReadyToResume = async (runId: string): Promise<Port.StageRecord | null> =>
    (await this.getSuspendedStages(this.#now())).find((row) => row.workflowRunId === runId) ?? null;
  getFirstFailedStage = async (runId: string): Promise<Port.StageRecord | null> =>
    (await this.getStagesByRun(runId, { status: "FAILED" }))[0] ?? null;
  getLastCompletedStage = async (runId: string): Promise<Port.StageRecord | null> => this.getLastCompletedStageBefore(runId, 1e9);
  getLastCompletedStageBefore = async (runId: string, group: number): Promise<Port.StageRecord | null> =>
    (await this.getStagesByRun(runId, { status: "COMPLETED" })).findLast((row) => row.executionGroup < group) ?? null;
  deleteStage = async (id: string): Promise<void> => this.#put("stages", id, null);

  async createLog(input: Port.CreateLogInput): Promise<Port.LogRecord> {
    this.#requireParent("runs", input.workflowRunId);
    this.#requireParent("stages", input.workflowStageId);
    const log = {
      id: this.#environment.newId(),
      createdAt: this.#now(),
      metadata: null,
      workflowStageId: null,
      workflowRunId: null,
      ...input,
    };
    this.#put("logs", log.id, log);
    return log as Port.LogRecord;
  }

  getLogs = (): Port.LogRecord[] => this.#all<Port.LogRecord>("logs", () => true);

  async saveArtifact(input: Port.SaveArtifactInput): Promise<void> {
    this.#requireParent("runs", input.workflowRunId);
    const id = `${input.workflowRunId}|${input.key}`;
    this.#put("artifacts", id, { id, ...this.#stamp(), workflowStageId: null, size: 0, metadata: null, ...defined(input) });
  }

  loadArtifact = async (runId: string, key: string): Promise<unknown> =>
    this.#get<Port.ArtifactRecord>("artifacts", `${runId}|${key}`)?.data;
  hasArtifact = async (runId: string, key: string): Promise<boolean> => this.#get("artifacts", `${runId}|${key}`) !== null;
  deleteArtifact = async (runId: string, key: string): Promise<void> => this.#put("artifacts", `${runId}|${key}`, null);
  listArtifacts = async (runId: string): Promise<Port.ArtifactRecord[]> =>
    this.#all<Port.ArtifactRecord>("artifacts", (row) => row.workflowRunId === runId);
  getStageIdForArtifact = async (runId: string, key: string): Promise<string | null> =>
    this.#get<Port.ArtifactRecord>("artifacts", `${runId}|${key}`)?.workflowStageId ?? null;
  async saveStageOutput(workflowRunId: string, type: string, stageId: string, data: unknown): Promise<string> {
    const key = `workflow-v2/${type}/${workflowRunId}/${stageId}/output.json`;
    await this.saveArtifact({ workflowRunId, key, type: "STAGE_OUTPUT", data });
    return key;
  }

  async appendOutboxEvents(events: Port.CreateOutboxEventInput[]): Promise<void> {
    for (const event of events) {
      const sequence = this.#all<Port.OutboxRecord>("outbox", (row) => row.workflowRunId === event.workflowRunId).length + 1;
      const id = String(this.database.next()).padStart(9, "0");
      this.#put("outbox", id, { id, sequence, publishedAt: null, retryCount: 0, dlqAt: null, ...event });
    }
  }

  getUnpublishedOutboxEvents = async (limit = 100): Promise<Port.OutboxRecord[]> =>
    this.#all<Port.OutboxRecord>("outbox", (row) => !row.publishedAt && !row.dlqAt)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit);

  #mark(id: string, set: Partial<Port.OutboxRecord>): void {
    this.#put("outbox", id, { ...this.#get<Port.OutboxRecord>("outbox", id), ...set });
  }

  async markOutboxEventsPublished(ids: string[]): Promise<void> {
    for (const id of ids) this.#mark(id, { publishedAt: this.#now() });
  }

  async incrementOutboxRetryCount(id: string): Promise<number> {
    const retryCount = this.#get<Port.OutboxRecord>("outbox", id)!.retryCount + 1;
    this.#mark(id, { retryCount });
    return retryCount;
  }

  moveOutboxEventToDLQ = async (id: string): Promise<void> => this.#mark(id, { dlqAt: this.#now() });

  async replayDLQEvents(maxEvents: number): Promise<number> {
    const dead = this.#all<Port.OutboxRecord>("outbox", (row) => row.dlqAt !== null).slice(0, maxEvents);
    for (const { id } of dead) this.#mark(id, { dlqAt: null, retryCount: 0 });
    return dead.length;
  }

  acquireIdempotencyKey(key: string, commandType: string, hold: Port.KeyHold = {}): Promise<Port.KeyState> {
    const id = `${commandType}|${key}`;
    return this.#inLock(`key:${id}`, (): Port.KeyState => {
      const row = this.#get<{ hash?: string; until: number; result?: unknown; isDone: boolean }>("keys", id);
      const isHeld = row !== null && (row.isDone || row.until > this.#environment.now());
      if (isHeld && row.hash !== hold.hash) return { status: "conflict" };
      if (isHeld) return row.isDone ? { status: "replay", result: row.result } : { status: "in_progress" };
      this.#put("keys", id, { hash: hold.hash, until: this.#environment.now() + (hold.leaseMs ?? 60_000), isDone: false });
      return { status: "acquired" };
    });
  }

  completeIdempotencyKey = (key: string, type: string, result: unknown): Promise<void> =>
    this.#inLock(`key:${type}|${key}`, () =>
      this.#put("keys", `${type}|${key}`, { ...this.#get<Row>("keys", `${type}|${key}`), result, isDone: true }),
    );
  releaseIdempotencyKey = async (key: string, type: string): Promise<void> => this.#put("keys", `${type}|${key}`, null);
}

function defined(input: object): Row {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
}
