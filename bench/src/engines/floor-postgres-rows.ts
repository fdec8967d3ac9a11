// The floor's tables and statements on PostgreSQL: runs, stages, events, and one statement for all that a batch writes. Each connection
// is one writer. Plans are pinned as ours are: made once, on small tables, they must not be those for small tables.
import pg from "pg";
import type { Shape } from "./engine.ts";
import { createUuid } from "./uuid.ts";

/** A run that was taken. */
export interface TakenRun {
  id: string;
  shape: Shape;
}

/** What a batch has to write. */
export interface Batch {
  stages: ReadonlyArray<{ runId: string; stage: number; output: unknown }>;
  ended: ReadonlyArray<{ runId: string; output: unknown }>;
  /** Runs to take at most. */
  take: number;
}

const channel = "floor";

const schema = `
CREATE TABLE IF NOT EXISTS runs (id uuid PRIMARY KEY, kind text NOT NULL, stages int NOT NULL, status text NOT NULL, input json NOT NULL,
  output json, created_at timestamptz NOT NULL, started_at timestamptz, completed_at timestamptz) WITH (fillfactor = 60);
CREATE INDEX IF NOT EXISTS runs_pending ON runs (id) WHERE started_at IS NULL;
CREATE TABLE IF NOT EXISTS stages (run_id uuid NOT NULL, stage int NOT NULL, status text NOT NULL, output json NOT NULL,
  completed_at timestamptz NOT NULL, PRIMARY KEY (run_id, stage));
CREATE TABLE IF NOT EXISTS events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run_id uuid NOT NULL, type text NOT NULL,
  fields json NOT NULL, at timestamptz NOT NULL);
`;

const insertRuns = `WITH u AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[]) AS u(id, kind, stages)),
r AS (INSERT INTO runs (id, kind, stages, status, input, created_at) SELECT id, kind, stages, 'PENDING', '{"n":0}', now() FROM u),
e AS (INSERT INTO events (run_id, type, fields, at) SELECT id, 'run:created', '{}', now() FROM u)
SELECT pg_notify('${channel}', '')`;

const writeBatch = `WITH
s AS (INSERT INTO stages (run_id, stage, status, output, completed_at)
  SELECT run_id, stage, 'COMPLETED', output, now() FROM unnest($1::uuid[], $2::int[], $3::json[]) AS u(run_id, stage, output)),
d AS (UPDATE runs SET status = 'COMPLETED', output = u.output, completed_at = now()
  FROM unnest($4::uuid[], $5::json[]) AS u(id, output) WHERE runs.id = u.id AND runs.id = ANY ($4::uuid[])),
e AS (INSERT INTO events (run_id, type, fields, at)
  SELECT run_id, 'stage:completed', ('{"stage":' || stage || '}')::json, now() FROM unnest($1::uuid[], $2::int[]) AS u(run_id, stage)
  UNION ALL SELECT id, 'run:completed', '{}', now() FROM unnest($4::uuid[]) AS u(id))
UPDATE runs SET status = 'RUNNING', started_at = now()
WHERE id = ANY (ARRAY(SELECT id FROM runs WHERE started_at IS NULL ORDER BY id LIMIT $6 FOR UPDATE SKIP LOCKED))
RETURNING id, kind, stages`;

/** One connection that writes. */
export class FloorWriter {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  /** Connects; the first one makes the tables. */
  static async open(url: string, isFirst = false): Promise<FloorWriter> {
    const client = new pg.Client({
      connectionString: url,
      options: "-c jit=off -c enable_seqscan=off -c plan_cache_mode=force_generic_plan",
    });
    client.on("error", () => undefined);
    await client.connect();
    if (isFirst) await client.query(schema);
    return new FloorWriter(client);
  }

  /** Starts runs in one commit, and tells workers. */
  async insertRuns(shapes: readonly Shape[]): Promise<void> {
    const values = [shapes.map(createUuid), shapes.map(({ kind }) => kind), shapes.map(({ stages }) => stages)];
    await this.#client.query({ name: "insert_runs", text: insertRuns, values });
  }

  /** Writes a batch and takes runs, oldest first, in one commit. */
  async write({ stages, ended, take }: Batch): Promise<TakenRun[]> {
    const values = [ids(stages), stages.map(({ stage }) => stage), jsons(stages), ids(ended), jsons(ended), take];
    const { rows } = await this.#client.query<[string, Shape["kind"], number]>({
      name: "write",
      text: writeBatch,
      values,
      rowMode: "array",
    });
    return rows.map(([id, kind, count]) => ({ id, shape: { kind, stages: count } }));
  }

  async countCompleted(): Promise<number> {
    const { rows } = await this.#client.query<{ count: string }>("SELECT count(*) FROM runs WHERE status = 'COMPLETED'");
    return Number(rows[0]?.count);
  }

  /** Calls `heard` whenever runs have been started by anybody. */
  async listen(heard: () => void): Promise<void> {
    this.#client.on("notification", heard);
    await this.#client.query(`LISTEN ${channel}`);
  }

  close(): Promise<void> {
    return this.#client.end();
  }
}

/** An array of ids as PostgreSQL reads it: no id needs quotes. */
function ids(rows: ReadonlyArray<{ runId: string }>): string {
  return `{${rows.map(({ runId }) => runId).join(",")}}`;
}

/** An array of JSON texts as PostgreSQL reads it: what quotes a text in JSON quotes it in an array. */
function jsons(rows: ReadonlyArray<{ output: unknown }>): string {
  return `{${rows.map(({ output }) => JSON.stringify(JSON.stringify(output))).join(",")}}`;
}
