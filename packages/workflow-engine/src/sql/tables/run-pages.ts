// Runs as people page through them, and as retention finds them: in the order of their creation. Nearly all of a history is COMPLETED, so
// that these stand in the indexes of all runs; what waits, what runs and what ended otherwise has indexes of its own, which a run that
// simply goes through hardly touches. The few of a status are found among a million others all the same.
import type { Status } from "../../ports/status.ts";
import { type Dialect, forOne, type Statement } from "../dialect.ts";
import { runRowColumns } from "./run-records.ts";

const kindsOfStatus = ["completed", "pending", "running", "other"] as const;
/** Runs of a status by where they stand in the indexes. */
type KindOfStatus = (typeof kindsOfStatus)[number];
type Kind = KindOfStatus | "all";

const page = { workflow_id: "text", status: "text", after: "int", before: "int", at: "int", id: "text", max: "limit" } as const;

/** Where runs of a kind are: the index is named for SQLite, whose planner has no statistics, and its condition repeated word by word. */
function from(kind: Kind, { useIndex, name }: Dialect, isOfWorkflow: boolean): string {
  const whole = isOfWorkflow ? "runs_workflow" : "runs_created";
  // on SQLite an index on a status costs every run that ends 10 us, so that what ended otherwise is found among all
  const others = name === "sqlite" ? whole : isOfWorkflow ? "runs_other_of_workflow" : "runs_other";
  const where: Record<Kind, readonly [string, string]> = {
    all: [whole, "true"],
    completed: [whole, "r.status = 'COMPLETED'"],
    pending: ["runs_queue", "r.queued_at IS NOT NULL AND r.status = 'PENDING'"],
    running: ["runs_running", "r.status = 'RUNNING'"],
    other: [others, "r.status NOT IN ('PENDING', 'RUNNING', 'COMPLETED')"],
  };
  const [index, condition] = where[kind];
  return `FROM runs r ${useIndex(index)} WHERE ${condition}`;
}

function kindOf(status: Status): KindOfStatus {
  return status === "COMPLETED" || status === "PENDING" || status === "RUNNING" ? (status.toLowerCase() as KindOfStatus) : "other";
}

function pageOf(kind: Kind, isOfWorkflow: boolean): Statement {
  return forOne(`list_${kind}_runs${isOfWorkflow ? "_of_workflow" : ""}`, page, (p, dialect) => {
    // what waits has an index in another order: behind expressions nobody looks for the few of them along those of a whole history.
    // Every parameter is named, so that each dialect knows its type
    const workflowId = kind === "pending" ? dialect.asFilter("r.workflow_id") : "r.workflow_id";
    const workflow = isOfWorkflow ? `${workflowId} = ${p.workflow_id}` : `(${p.workflow_id} IS NULL OR true)`;
    const status = kind === "other" ? `r.status = ${p.status}` : `(${p.status} IS NULL OR true)`;
    const whole = isOfWorkflow && (kind === "all" || kind === "completed");
    const createdAt = kind === "pending" ? "(r.created_at + 0)" : "r.created_at";
    // the workflow's place in the order keeps PostgreSQL from looking for a rare one along the index of all
    const after = whole
      ? `(r.workflow_id, r.created_at, r.id) < (${p.workflow_id}, ${p.at}, ${p.id}) AND r.workflow_id >= ${p.workflow_id}`
      : `${workflow} AND (${createdAt}, r.id) < (${p.at}, ${p.id})`;
    return `SELECT ${runRowColumns} ${from(kind, dialect, isOfWorkflow)} AND ${after} AND ${status}
      AND ${createdAt} > ${p.after} AND ${createdAt} < ${p.before}
      ORDER BY ${whole ? "r.workflow_id DESC, " : ""}${createdAt} DESC, r.id DESC LIMIT ${p.max}`;
  });
}

function inStatus(kind: KindOfStatus): Statement {
  return forOne(`get_${kind}_runs`, { status: "text" }, (p, dialect) => {
    return `SELECT ${runRowColumns} ${from(kind, dialect, false)} AND r.status = ${p.status} ORDER BY r.created_at, r.id`;
  });
}

function ofEach<K extends Kind>(kinds: readonly K[], make: (kind: K) => Statement): Readonly<Record<K, Statement>> {
  return Object.fromEntries(kinds.map((kind) => [kind, make(kind)])) as Record<K, Statement>;
}

/** Newest runs first, after a place in that order. */
export const runPages = ofEach(["all", ...kindsOfStatus], (kind) => pageOf(kind, false));
/** The same of one workflow. */
export const runPagesOfWorkflow = ofEach(["all", ...kindsOfStatus], (kind) => pageOf(kind, true));
/** Runs of one status, oldest first; all that are completed are a whole history. */
export const runsInStatus = ofEach(kindsOfStatus, inStatus);

/** The pages for a filter. */
export function listRuns({ workflowId, status }: { workflowId?: string | undefined; status?: Status | undefined }): Statement {
  return (workflowId === undefined ? runPages : runPagesOfWorkflow)[status === undefined ? "all" : kindOf(status)];
}

/** The runs of one status, oldest first. */
export function listRunsByStatus(status: Status): Statement {
  return runsInStatus[kindOf(status)];
}

/** Runs by workflow and status: the completed are those that are nothing else, so that no row is looked at, only indexes. */
export const countRuns = forOne("count_runs", {}, (_, dialect) => {
  const counts = (["pending", "running", "other"] as const).map(
    (kind) => `SELECT r.workflow_id, r.status, count(*) AS runs ${from(kind, dialect, true)} GROUP BY r.workflow_id, r.status`,
  );
  return `WITH uncompleted AS (${counts.join(" UNION ALL ")})
    SELECT workflow_id, status, runs FROM (
      SELECT workflow_id, status, runs FROM uncompleted
      UNION ALL
      SELECT w.workflow_id, 'COMPLETED', w.runs - coalesce((SELECT sum(u.runs) FROM uncompleted u WHERE u.workflow_id = w.workflow_id), 0)
      FROM (SELECT r.workflow_id, count(*) AS runs ${from("all", dialect, true)} GROUP BY r.workflow_id) AS w
    ) AS counted WHERE runs > 0 ORDER BY workflow_id, status`;
});

/** Runs that ended before an instant, the oldest first. */
export const listOldRuns = forOne("list_old_runs", { before: "int", max: "limit" }, (p) => {
  // a run ends after it was created, so the index on that bounds the search
  return `SELECT id, workflow_id FROM runs WHERE created_at < ${p.before} AND status IN ('COMPLETED', 'FAILED', 'CANCELLED', 'SKIPPED')
    AND completed_at < ${p.before} ORDER BY created_at LIMIT ${p.max}`;
});
