// How PostgreSQL runs a statement on a schema with a long history: which relations it reads as a whole, and how many pages it touches for
// what it answers. Each is planned both ways a prepared statement is, for its values and for any, and undone. What its plan condemns is
// not run: it would read the whole of a million rows, and where that is inside of a loop, for minutes.
import pg from "pg";
import type { RecordedStatement } from "./recorded-statements.test-fixture.ts";

/** A relation of more pages than this has grown with the history. */
const smallPages = 64;
/** Pages that a statement may touch: so many, and more for every row that it is given, changes or answers. */
const pages = { alone: 150, aRow: 40 };

interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Index Cond"?: string;
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  "Shared Hit Blocks"?: number;
  "Shared Read Blocks"?: number;
  Plans?: PlanNode[];
}

/** What is wrong with a statement, and the indexes it uses. */
export interface PlanReport {
  readonly statement: RecordedStatement;
  readonly problems: readonly string[];
  readonly indexes: readonly string[];
}

/** Examines statements on a schema of one database. */
export class StatementPlans {
  readonly #client: pg.Client;
  readonly #schema: string;
  readonly #settings: string;
  #pages = new Map<string, number>();

  /** `settings` pins plans as the store does. */
  constructor(connectionString: string, schema: string, settings: string) {
    this.#client = new pg.Client({ connectionString });
    this.#schema = schema;
    this.#settings = settings;
  }

  async open(): Promise<this> {
    await this.#client.connect();
    const { rows } = await this.#client.query<{ name: string; pages: number }>(
      `SELECT relname AS name, (pg_relation_size(oid) / 8192)::int AS pages FROM pg_class WHERE relnamespace = $1::regnamespace`,
      [`"${this.#schema}"`],
    );
    this.#pages = new Map(rows.map(({ name, pages: count }) => [name, count]));
    return this;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  /** Indexes that are no primary key. */
  async listIndexes(): Promise<string[]> {
    const { rows } = await this.#client.query<{ name: string }>(
      `SELECT i.indexrelid::regclass::text AS name, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE c.relnamespace = $1::regnamespace AND NOT i.indisprimary ORDER BY c.relname`,
      [`"${this.#schema}"`],
    );
    return rows.map(({ name }) => name);
  }

  /** Examines statements; `without` is an index that is not there meanwhile. */
  async examine(statements: readonly RecordedStatement[], without?: string): Promise<PlanReport[]> {
    await this.#client.query(`BEGIN; ${this.#settings}`);
    try {
      if (without !== undefined) await this.#client.query(`DROP INDEX ${without}`);
      const reports: PlanReport[] = [];
      // what is undone stays in the tables until it is vacuumed: reads come before writes
      for (const statement of statements.toSorted((a, b) => Number(isWrite(a)) - Number(isWrite(b)))) {
        const plans = [await this.#explain(statement, "force_custom_plan"), await this.#explain(statement, "force_generic_plan")];
        const problems = plans.flatMap((plan) => this.#problemsOf(plan, statement));
        const indexes = plans.flatMap((plan) => nodesOf(plan).flatMap((node) => node["Index Name"] ?? []));
        reports.push({ statement, problems: [...new Set(problems)], indexes: [...new Set(indexes)] });
      }
      return reports;
    } finally {
      await this.#client.query("ROLLBACK");
    }
  }

  async #explain({ text, values }: RecordedStatement, mode: string): Promise<PlanNode> {
    // what checks finds nothing of the kind here, and is not to fail of it
    const here = text.replaceAll(/"\w+"\.(?=[a-z_]+\b)/g, `"${this.#schema}".`).replace("SELECT 1 / (CASE", "SELECT (CASE");
    const given = values.map((value) => (value === null ? "NULL" : pg.escapeLiteral(value)));
    const call = `EXECUTE examined${given.length === 0 ? "" : `(${given.join(", ")})`}`;
    await this.#client.query(`SAVEPOINT here; SET LOCAL plan_cache_mode = ${mode}; PREPARE examined AS ${here}`);
    try {
      const plan = await this.#planOf(`EXPLAIN (FORMAT JSON) ${call}`);
      if (this.#wholeOf(plan).length > 0) return plan;
      return await this.#planOf(`EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${call}`);
    } catch {
      // it is refused here, e.g. because it inserts what is there
      await this.#client.query(`ROLLBACK TO here; SET LOCAL plan_cache_mode = ${mode}`);
      return await this.#planOf(`EXPLAIN (FORMAT JSON) ${call}`);
    } finally {
      await this.#client.query("ROLLBACK TO here; DEALLOCATE ALL");
    }
  }

  async #planOf(explain: string): Promise<PlanNode> {
    const { rows } = await this.#client.query<{ "QUERY PLAN": Array<{ Plan: PlanNode }> }>(explain);
    return rows[0]!["QUERY PLAN"][0]!.Plan;
  }

  /** Large relations that are read as a whole. */
  #wholeOf(plan: PlanNode): Array<{ relation: string; by: string }> {
    return wholeScans(plan).filter(({ relation }) => (this.#pages.get(relation) ?? 0) > smallPages);
  }

  #problemsOf(plan: PlanNode, { text, values }: RecordedStatement): string[] {
    const whole = this.#wholeOf(plan);
    const touched = (plan["Shared Hit Blocks"] ?? 0) + (plan["Shared Read Blocks"] ?? 0);
    const allowed = pages.alone + pages.aRow * Math.max(rowsOf(plan), rowsGiven(values));
    return [
      ...whole.map(({ relation, by }) => `reads the whole of ${relation} (${by})`),
      ...(isOrderedCheck(text) && !isInOrderGiven(plan) ? ["locks runs in another order than that in which they are given"] : []),
      ...(touched > allowed ? [`touches ${touched} pages where ${allowed} are allowed`] : []),
    ];
  }
}

function isWrite({ text }: RecordedStatement): boolean {
  return (!text.startsWith("SELECT") && !text.startsWith("WITH")) || isChange(text);
}

/** True for a change that checks what it changes. */
function isChange(text: string): boolean {
  return text.startsWith("WITH found AS (UPDATE");
}

/** True for one of many rows, which are sorted when it is sent. */
function isOrderedCheck(text: string): boolean {
  return isChange(text) && text.includes("unnest(");
}

/** True when rows are changed one by one as parameters name them. */
function isInOrderGiven(plan: PlanNode): boolean {
  const change = nodesOf(plan).find((node) => node["Node Type"] === "ModifyTable");
  const [join] = change?.Plans ?? [];
  return join?.["Node Type"] === "Nested Loop" && join.Plans?.[0]?.["Node Type"] === "Function Scan";
}

/** Scans without a condition on an index, but for those in its order that somebody above stops. */
function wholeScans(node: PlanNode, isStopped = false): Array<{ relation: string; by: string }> {
  const by = node["Node Type"];
  const isOwn = by === "Seq Scan" || (/Index( Only)? Scan$/.test(by) && !node["Index Cond"] && !isStopped);
  const own = isOwn ? [{ relation: (by === "Seq Scan" ? node["Relation Name"] : node["Index Name"])!, by }] : [];
  const stops = by === "Limit" || (isStopped && !["Sort", "Aggregate", "Hash", "Materialize"].includes(by));
  return [...own, ...(node.Plans ?? []).flatMap((child) => wholeScans(child, stops))];
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** Rows that are answered, or written. */
function rowsOf(plan: PlanNode): number {
  const writes = plan["Node Type"] === "ModifyTable" ? plan.Plans?.[0] : undefined;
  const { "Actual Rows": rows = 0, "Actual Loops": loops = 1 } = writes ?? plan;
  return rows * loops;
}

/** Rows that a statement is given as arrays: as many as the shortest seems to hold, since a text may have commas of its own. */
function rowsGiven(values: ReadonlyArray<string | null>): number {
  const lengths = values.flatMap((value) => (value?.startsWith("{") ? value.split(",").length : []));
  return lengths.length === 0 ? 1 : Math.min(...lengths);
}
