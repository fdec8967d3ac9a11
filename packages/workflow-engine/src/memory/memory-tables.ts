// The rows of one memory store, and the order in which callers get at them: a synchronous step is a transaction of its own;
// a transaction that spans awaits holds every other one back until it has ended (P20).
import { WorkflowEngineError } from "../errors.ts";
import type { LedgerRow } from "../ports/ledger.ts";
import type { ArtifactType, LogLevel } from "../ports/status.ts";
import type { AttemptRow, Delivery, JsonText, RunState, StagePayloads, StageState } from "../ports/store.ts";
import type { BudgetState } from "../store/call-budget.ts";
import { InnerSession, type Session } from "./inner-session.ts";
import { Journal } from "./journal.ts";
import { Table } from "./table.ts";

/** A run: what rules see, and what they do not. Instants are milliseconds. */
export interface RunRow {
  readonly state: Readonly<RunState>;
  readonly workflowName: string;
  readonly workflowType: string;
  readonly workflowVersion: string | null;
  readonly parentRunId: string | null;
  readonly updatedAt: number;
  readonly input: JsonText;
  readonly config: JsonText;
  readonly output: JsonText | null;
  readonly metadata: JsonText | null;
  /** As set through the CRUD port; null derives it from the start and the end. */
  readonly duration: number | null;
  /** Pico-dollars. */
  readonly costPico: bigint;
  readonly totalTokens: number;
}

/** What a run, or a stage of it, may spend. */
export interface BudgetRow extends Readonly<BudgetState> {
  readonly runId: string;
}

/** A stage: what rules see, and its payloads. */
export interface StageRow {
  /** Where the row is kept: run, stage and item. */
  readonly id: string;
  /** The public record's id: the same, unless the CRUD port was given another. */
  readonly recordId: string;
  readonly state: Readonly<StageState>;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly version: number;
  readonly payloads: Readonly<Required<{ [K in keyof StagePayloads]: JsonText | null }>>;
  readonly input: JsonText | null;
  readonly config: JsonText | null;
  /** As set through the CRUD port; null derives it from the start and the end. */
  readonly duration: number | null;
}

/** An attempt that is over. */
export interface AttemptEntry extends Readonly<AttemptRow> {
  readonly runId: string;
  readonly id: string;
  /** True once a sweep has told of its blobs. */
  readonly isSwept: boolean;
}

/** A log line. */
export interface LogEntry {
  readonly id: string;
  readonly createdAt: number;
  readonly runId: string | null;
  readonly stageRecordId: string | null;
  readonly level: LogLevel;
  readonly message: string;
  readonly metadata: JsonText | null;
}

/** An artifact. */
export interface ArtifactEntry {
  readonly id: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly runId: string;
  readonly stageRecordId: string | null;
  readonly key: string;
  readonly type: ArtifactType;
  readonly data: JsonText;
  readonly size: number;
  readonly metadata: JsonText | null;
}

/** What became of one event of a row, where that differs from its row: the CRUD port marks events one by one. */
export interface EventMark {
  readonly publishedAt: number | null;
  readonly tries: number;
  readonly deadAt: number | null;
}

/** The events of one run and one commit. */
export interface OutboxRow {
  readonly id: number;
  readonly runId: string;
  readonly occurredAt: number;
  readonly causationId: string;
  /** JSON array of draft events. */
  readonly events: JsonText;
  /** The one event of a row that the CRUD port appended, whose payload may be anything; null for all others. */
  readonly raw: { readonly type: string; readonly payload: unknown } | null;
  readonly count: number;
  /** Set once every event of the row is published. */
  readonly publishedAt: number | null;
  readonly firstSequence: number | null;
  readonly marks: ReadonlyMap<number, EventMark>;
}

/** An idempotency key: held while `completedAt` is null. */
export interface KeyRow {
  readonly commandType: string;
  readonly key: string;
  readonly hash: string | null;
  readonly owner: string | null;
  readonly heldUntil: number;
  readonly completedAt: number | null;
  readonly result: JsonText | null;
}

/** A process that executes stages. */
export interface InstanceRow {
  readonly id: string;
  readonly workerId: string;
  readonly heartbeatAt: number;
  readonly isGone: boolean;
}

/** Everything one memory store knows. */
export class MemoryTables implements Session {
  readonly journal = new Journal();
  readonly runs = new Table<RunRow, "queued" | "status">(this.journal, {
    queued: (row) => (row.state.status === "PENDING" && row.state.queuedAt !== null ? row.state.workflowId : null),
    status: (row) => row.state.status,
  });
  readonly stages = new Table<StageRow, "run" | "record" | "ready" | "polled" | "leased">(this.journal, {
    run: (row) => row.state.runId,
    record: (row) => row.recordId,
    ready: (row) => (row.state.status === "PENDING" && row.state.readyAt !== null ? "yes" : null),
    polled: (row) => (row.state.status === "SUSPENDED" && row.state.pollAt !== null ? "yes" : null),
    leased: ({ state }) => (state.status === "RUNNING" || state.status === "PENDING" ? (state.lease?.instanceId ?? null) : null),
  });
  readonly attempts = new Table<AttemptEntry, "run" | "lost">(this.journal, {
    run: (row) => row.runId,
    lost: (row) => (row.outcome === "LOST" && !row.isSwept ? "yes" : null),
  });
  readonly logs = new Table<LogEntry, "run">(this.journal, { run: (row) => row.runId });
  readonly artifacts = new Table<ArtifactEntry, "run">(this.journal, { run: (row) => row.runId });
  readonly outbox = new Table<OutboxRow, "run" | "fresh" | "published">(this.journal, {
    run: (row) => row.runId,
    fresh: (row) => (row.publishedAt === null ? "yes" : null),
    published: (row) => (row.publishedAt === null ? null : "yes"),
  });
  /** The last sequence of each run, kept beside the outbox so that retention does not start it again. */
  readonly sequences = new Table<{ readonly last: number }>(this.journal, {});
  readonly deliveries = new Table<Delivery, "run" | "row" | "life">(this.journal, {
    run: (delivery) => delivery.event.runId,
    row: (delivery) => delivery.event.id.slice(0, delivery.event.id.lastIndexOf(".")),
    life: (delivery) => (delivery.deadAt === null ? "alive" : "dead"),
  });
  readonly flushers = new Table<{ readonly token: string; readonly until: number }>(this.journal, {});
  readonly keys = new Table<KeyRow>(this.journal, {});
  readonly instances = new Table<InstanceRow>(this.journal, {});
  readonly calls = new Table<LedgerRow, "run">(this.journal, { run: (row) => row.runId });
  readonly batches = new Table<{ readonly id: string }>(this.journal, {});
  readonly budgets = new Table<BudgetRow, "run">(this.journal, { run: (row) => row.runId });
  readonly #all: ReadonlyArray<{ clear(): void }> = [
    this.runs,
    this.stages,
    this.attempts,
    this.logs,
    this.artifacts,
    this.outbox,
    this.sequences,
    this.deliveries,
    this.flushers,
    this.keys,
    this.instances,
    this.calls,
    this.batches,
    this.budgets,
  ];
  #lastOutboxId = 0;
  #open: Promise<void> | null = null;
  #isClosed = false;

  /** A number greater than every one before; a rollback leaves a gap. */
  nextOutboxId(): number {
    return (this.#lastOutboxId += 1);
  }

  /** Removes every row. */
  clear(): void {
    this.journal.atomically(() => {
      for (const table of this.#all) table.clear();
    });
  }

  /** Refuses every later call. */
  close(): void {
    this.#isClosed = true;
  }

  async step<T>(work: () => T): Promise<T> {
    // no await when nothing is open: between it and the work a transaction could begin
    while (this.#open) await this.#open;
    this.#requireOpen();
    return this.journal.atomically(work);
  }

  /** A step that nobody waits for: now, or when the transaction that is open has ended. */
  note(work: () => void): void {
    if (this.#isClosed) return;
    if (this.#open) void this.#open.then(() => this.note(work));
    else this.journal.atomically(work);
  }

  async transaction<T>(work: (inner: Session) => Promise<T>): Promise<T> {
    while (this.#open) await this.#open;
    this.#requireOpen();
    const { promise, resolve } = Promise.withResolvers<void>();
    const inner = new InnerSession(this.journal);
    this.#open = promise;
    this.journal.begin();
    let isDone = false;
    try {
      const result = await work(inner);
      isDone = true;
      return result;
    } finally {
      inner.end();
      this.#open = null;
      resolve();
      if (isDone) this.journal.commit();
      else this.journal.rollback();
    }
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new WorkflowEngineError("STORE_CLOSED", "The store is closed. Create a new one.");
  }
}
