// The schema. A stage row is its own job; a lease belongs to an instance, of which there is one row a process; events are one row
// a run and commit. Instants are milliseconds, payloads JSON text that nobody looks into. Indexes that change while a run moves are
// partial on what waits, and never name the status of a stage: a row that moves should touch as few of them as it can.
import type { Dialect } from "../dialect.ts";
import { type ColumnTypes, columnTypesOf } from "./columns.ts";

/** The statements that make the first version. */
export function init(dialect: Dialect): string {
  const types = columnTypesOf(dialect);
  const script = [runs(types), stages(types), history(types), events(types), rest(types)].join("\n");
  // ids and keys are compared byte by byte, as SQLite does, whatever the locale of the database
  return dialect.name === "postgres" ? script.replaceAll(/\bTEXT\b/g, 'TEXT COLLATE "C"') : script;
}

function runs({ int, changing, commitsInOrder }: ColumnTypes): string {
  // see run-pages.ts: SQLite has none of them
  const others = `CREATE INDEX runs_other ON runs (status, created_at, id) WHERE status NOT IN ('PENDING', 'RUNNING', 'COMPLETED');
CREATE INDEX runs_other_of_workflow ON runs (workflow_id, status, created_at, id) WHERE status NOT IN ('PENDING', 'RUNNING', 'COMPLETED');`;
  return `
CREATE TABLE runs (
  id TEXT PRIMARY KEY, workflow_id TEXT NOT NULL, workflow_name TEXT NOT NULL, workflow_type TEXT NOT NULL, workflow_version TEXT,
  status TEXT NOT NULL, priority ${int} NOT NULL, grp ${int} NOT NULL DEFAULT 0, open ${int} NOT NULL DEFAULT 0,
  suspended ${int} NOT NULL DEFAULT 0, version ${int} NOT NULL DEFAULT 1, created_at ${int} NOT NULL, updated_at ${int} NOT NULL,
  started_at ${int}, completed_at ${int}, queued_at ${int}, transition_at ${int}, stranded_at ${int}, error TEXT, duration ${int},
  input TEXT NOT NULL, config TEXT NOT NULL, output TEXT, metadata TEXT, parent_run_id TEXT, root_run_id TEXT,
  total_cost_pico ${int} NOT NULL DEFAULT 0, total_tokens ${int} NOT NULL DEFAULT 0, event_count ${int} NOT NULL DEFAULT 0
)${changing(70)};
CREATE INDEX runs_queue ON runs (priority DESC, queued_at, id, workflow_id) WHERE queued_at IS NOT NULL;
CREATE INDEX runs_stranded ON runs (stranded_at) WHERE stranded_at IS NOT NULL;
CREATE INDEX runs_running ON runs (created_at, id) WHERE status = 'RUNNING';
CREATE INDEX runs_created ON runs (created_at, id);
CREATE INDEX runs_workflow ON runs (workflow_id, created_at, id);
${commitsInOrder ? "" : others}`;
}

function stages({ int, changing, commitsInOrder }: ColumnTypes): string {
  return `
CREATE TABLE stages (
  run_id TEXT NOT NULL, stage_id TEXT NOT NULL, item ${int} NOT NULL, name TEXT NOT NULL, number ${int} NOT NULL, grp ${int} NOT NULL,
  status TEXT NOT NULL, priority ${int} NOT NULL, attempt ${int} NOT NULL, max_attempts ${int} NOT NULL, execution_id TEXT NOT NULL,
  instance_id TEXT, worker_id TEXT, locked_at ${int}, wait_reason TEXT, ready_at ${int}, poll_at ${int}, poll_interval_ms ${int},
  max_wait_until ${int}, poll_failures ${int} NOT NULL DEFAULT 0, started_at ${int}, completed_at ${int}, error TEXT, duration ${int},
  version ${int} NOT NULL DEFAULT 1, created_at ${int} NOT NULL, updated_at ${int} NOT NULL,
  output TEXT, state TEXT, resume TEXT, metrics TEXT, embeddings TEXT, progress TEXT, input TEXT, config TEXT, record_id TEXT,
  PRIMARY KEY (run_id, stage_id, item)
)${changing(50)};
CREATE INDEX stages_queue ON stages (priority DESC, ready_at, run_id, number, item) WHERE ready_at IS NOT NULL;
${commitsInOrder ? "CREATE INDEX stages_ready ON stages (ready_at) WHERE ready_at IS NOT NULL;" : ""}
CREATE UNIQUE INDEX stages_record ON stages (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX stages_polls ON stages (poll_at) WHERE poll_at IS NOT NULL;`;
}

function history({ int, identity, keyed }: ColumnTypes): string {
  return `
CREATE TABLE attempts (
  run_id TEXT NOT NULL, stage_id TEXT NOT NULL, item ${int} NOT NULL, execution_id TEXT NOT NULL, attempt ${int} NOT NULL,
  worker_id TEXT, started_at ${int}, ended_at ${int} NOT NULL, outcome TEXT NOT NULL, error TEXT, swept ${int} NOT NULL DEFAULT 0,
  PRIMARY KEY (run_id, stage_id, item, execution_id)
)${keyed};
CREATE INDEX attempts_lost ON attempts (ended_at) WHERE outcome = 'LOST' AND swept = 0;

CREATE TABLE logs (
  id ${identity}, run_id TEXT, stage_record_id TEXT, level TEXT NOT NULL, message TEXT NOT NULL, metadata TEXT, created_at ${int} NOT NULL
);
CREATE INDEX logs_run ON logs (run_id, created_at);

CREATE TABLE artifacts (
  run_id TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, stage_record_id TEXT, type TEXT NOT NULL, data TEXT NOT NULL,
  size ${int} NOT NULL, metadata TEXT, created_at ${int} NOT NULL, updated_at ${int} NOT NULL,
  PRIMARY KEY (run_id, key)
)${keyed};`;
}

function events({ int, identity, keyed, queued, commitsInOrder }: ColumnTypes): string {
  // see publications.ts
  const publications = `CREATE TABLE publications (last_id ${int} PRIMARY KEY, published_at ${int} NOT NULL);`;
  const ranges = `ALTER TABLE outbox ADD COLUMN tx ${int} NOT NULL DEFAULT (pg_current_xact_id()::text::bigint);
CREATE INDEX outbox_tx ON outbox (tx);
CREATE INDEX outbox_published ON outbox (published_at, id) WHERE published_at IS NOT NULL;
CREATE TABLE publications (
  published_at ${int} PRIMARY KEY, after_tx ${int} NOT NULL, after_open ${int}[] NOT NULL, until_tx ${int} NOT NULL, open ${int}[] NOT NULL,
  first_id ${int} NOT NULL, last_id ${int} NOT NULL, top_id ${int} NOT NULL
);
CREATE INDEX publications_until ON publications (until_tx, published_at);`;
  return `
CREATE TABLE outbox (
  id ${identity}, run_id TEXT NOT NULL, occurred_at ${int} NOT NULL, causation_id TEXT, events TEXT NOT NULL, raw_type TEXT,
  count ${int} NOT NULL, first_sequence ${int} NOT NULL, published_at ${int}
)${queued};
${commitsInOrder ? publications : ranges}
CREATE INDEX outbox_run ON outbox (run_id, id);

CREATE TABLE event_marks (
  outbox_id ${int} NOT NULL, idx ${int} NOT NULL, published_at ${int}, tries ${int} NOT NULL DEFAULT 0, dead_at ${int},
  PRIMARY KEY (outbox_id, idx)
)${keyed};
CREATE TABLE deliveries (
  outbox_id ${int} NOT NULL, idx ${int} NOT NULL, consumer TEXT NOT NULL, run_id TEXT NOT NULL, sequence ${int} NOT NULL,
  tries ${int} NOT NULL, next_at ${int}, dead_at ${int}, error TEXT,
  PRIMARY KEY (outbox_id, idx, consumer)
)${keyed};
CREATE INDEX deliveries_alive ON deliveries (run_id, consumer, sequence) WHERE dead_at IS NULL;
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE dead_at IS NULL AND next_at IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (dead_at) WHERE dead_at IS NOT NULL;`;
}

function rest({ int, keyed }: ColumnTypes): string {
  return `
CREATE TABLE keys (
  key TEXT NOT NULL, command TEXT NOT NULL, hash TEXT, result TEXT, owner TEXT, held_until ${int} NOT NULL, completed_at ${int},
  created_at ${int} NOT NULL, PRIMARY KEY (key, command)
)${keyed};
CREATE INDEX keys_age ON keys (created_at);

CREATE TABLE instances (id TEXT PRIMARY KEY, worker_id TEXT NOT NULL, heartbeat_at ${int} NOT NULL)${keyed};
CREATE TABLE leases (name TEXT PRIMARY KEY, token TEXT NOT NULL, until ${int} NOT NULL)${keyed};
CREATE TABLE blobs (key TEXT PRIMARY KEY, value TEXT NOT NULL, created_at ${int} NOT NULL);
CREATE TABLE ai_calls (
  id TEXT PRIMARY KEY, opened_at ${int} NOT NULL, closed_at ${int}, topic TEXT NOT NULL, call_type TEXT NOT NULL, model_key TEXT NOT NULL,
  model_id TEXT NOT NULL, prompt TEXT NOT NULL, response TEXT NOT NULL, status TEXT NOT NULL, run_id TEXT, stage_id TEXT, attempt ${int},
  execution_id TEXT, input_tokens ${int} NOT NULL, output_tokens ${int} NOT NULL, cached_tokens ${int} NOT NULL,
  reasoning_tokens ${int} NOT NULL, cost_pico ${int}, is_estimated ${int} NOT NULL, price TEXT, latency_ms ${int}, error TEXT, metadata TEXT
);
CREATE INDEX ai_calls_topic ON ai_calls (topic);
CREATE INDEX ai_calls_run ON ai_calls (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX ai_calls_open ON ai_calls (id) WHERE status = 'open';
CREATE TABLE ai_budgets (
  run_id TEXT NOT NULL, stage_id TEXT NOT NULL, usd_pico ${int}, tokens ${int}, on_exceed TEXT NOT NULL, spent_pico ${int} NOT NULL,
  spent_tokens ${int} NOT NULL, PRIMARY KEY (run_id, stage_id)
)${keyed};
CREATE TABLE ai_batches (batch_id TEXT PRIMARY KEY, created_at ${int} NOT NULL)${keyed};
CREATE TABLE timers (
  command_type TEXT NOT NULL, correlation_id TEXT NOT NULL, payload TEXT NOT NULL, run_at ${int} NOT NULL,
  PRIMARY KEY (command_type, correlation_id)
)${keyed};
CREATE INDEX timers_due ON timers (run_at);`;
}
