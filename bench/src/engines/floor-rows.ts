// The floor's tables and statements: runs, stages, events.
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Shape } from "./engine.ts";
import { createUuid } from "./uuid.ts";

/** A run that may be worked on. */
export interface RunRow {
  id: string;
  shape: Shape;
}

const schema = `
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000;
CREATE TABLE runs (id TEXT PRIMARY KEY, kind TEXT NOT NULL, stages INTEGER NOT NULL, status TEXT NOT NULL, input TEXT NOT NULL,
  output TEXT, created_at INTEGER NOT NULL, started_at INTEGER, completed_at INTEGER) WITHOUT ROWID;
CREATE INDEX runs_pending ON runs (id) WHERE status = 'PENDING';
CREATE TABLE stages (run_id TEXT NOT NULL, stage INTEGER NOT NULL, status TEXT NOT NULL, output TEXT NOT NULL,
  completed_at INTEGER NOT NULL, PRIMARY KEY (run_id, stage)) WITHOUT ROWID;
CREATE TABLE events (id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, type TEXT NOT NULL, fields TEXT NOT NULL, at INTEGER NOT NULL);
`;

/** The floor's database. */
export class FloorRows {
  readonly #database: DatabaseSync;
  readonly #prepared: Record<"insertRun" | "insertStage" | "insertEvent" | "take" | "complete" | "count", StatementSync>;
  #now = 0;

  constructor(file: string) {
    this.#database = new DatabaseSync(file);
    this.#database.exec(schema);
    const prepare = (text: string) => this.#database.prepare(text);
    this.#prepared = {
      insertRun: prepare("INSERT INTO runs (id, kind, stages, status, input, created_at) VALUES (?, ?, ?, 'PENDING', ?, ?)"),
      insertStage: prepare("INSERT INTO stages (run_id, stage, status, output, completed_at) VALUES (?, ?, 'COMPLETED', ?, ?)"),
      insertEvent: prepare("INSERT INTO events (run_id, type, fields, at) VALUES (?, ?, ?, ?)"),
      take: prepare(
        "UPDATE runs SET status = 'RUNNING', started_at = ? WHERE id IN (SELECT id FROM runs WHERE status = 'PENDING' ORDER BY id LIMIT ?) RETURNING id, kind, stages",
      ),
      complete: prepare("UPDATE runs SET status = 'COMPLETED', output = ?, completed_at = ? WHERE id = ?"),
      count: prepare("SELECT count(*) AS count FROM runs WHERE status = ?"),
    };
  }

  /** Runs `write` in one transaction that is on disk when this returns. */
  inOneCommit<T>(write: () => T): T {
    this.#now = Date.now();
    this.#database.exec("BEGIN IMMEDIATE");
    const result = write();
    this.#database.exec("COMMIT");
    return result;
  }

  insertRun({ kind, stages }: Shape): void {
    const id = createUuid();
    this.#prepared.insertRun.run(id, kind, stages, JSON.stringify({ n: 0 }), this.#now);
    this.#insertEvent(id, "run:created", {});
  }

  insertStage(runId: string, stage: number, output: unknown): void {
    this.#prepared.insertStage.run(runId, stage, JSON.stringify(output), this.#now);
    this.#insertEvent(runId, "stage:completed", { stage });
  }

  completeRun(runId: string, output: unknown): void {
    this.#prepared.complete.run(JSON.stringify(output), this.#now, runId);
    this.#insertEvent(runId, "run:completed", {});
  }

  /** Marks up to `max` pending runs as running, oldest first, and answers them. */
  take(max: number): RunRow[] {
    const rows = this.#prepared.take.all(this.#now, max) as unknown as Array<{ id: string; kind: Shape["kind"]; stages: number }>;
    return rows.map(({ id, kind, stages }) => ({ id, shape: { kind, stages } }));
  }

  countPending(): number {
    return this.#count("PENDING");
  }

  countCompleted(): number {
    return this.#count("COMPLETED");
  }

  close(): void {
    this.#database.close();
  }

  #count(status: string): number {
    return (this.#prepared.count.get(status) as { count: number }).count;
  }

  #insertEvent(runId: string, type: string, fields: object): void {
    this.#prepared.insertEvent.run(runId, type, JSON.stringify(fields), this.#now);
  }
}
