// The queue: stages that wait for a worker or a poll, picked most urgent first and leased by statement, past any draft.
import { forOne, forRows } from "../dialect.ts";
import { ofRunningRun, stageStateColumns } from "./stages.ts";

/** Picks due stages of RUNNING runs; workflow id, priority, what the stage left and the number of the run's events follow the state. */
export const pickStages = forOne("pick_stages", { now: "int", workflow_ids: "texts", max: "limit" }, (p, dialect) => {
  return `SELECT ${stageStateColumns}, r.workflow_id, r.priority, s.resume, r.event_count FROM stages s ${dialect.useIndex("stages_queue")}
    ${ofRunningRun(dialect, "r.workflow_id, r.priority, r.event_count", dialect.isIn("r.workflow_id", p.workflow_ids))}
    WHERE s.ready_at IS NOT NULL AND s.ready_at <= ${p.now} AND s.status = 'PENDING'
    ORDER BY s.priority DESC, s.ready_at, s.run_id, s.number, s.item LIMIT ${p.max} ${dialect.lockFreeRows}`;
});

/** Runs of the stages that `pickStages` would pick if nobody had them; each stage's run is looked at by itself, so that the queue comes first. */
export const listDueRuns = forOne("list_due_runs", { now: "int", workflow_ids: "texts", max: "limit" }, (p, dialect) => {
  return `SELECT s.run_id FROM stages s ${dialect.useIndex("stages_queue")}
    WHERE s.ready_at IS NOT NULL AND s.ready_at <= ${p.now} AND s.status = 'PENDING'
      AND 'RUNNING' = (SELECT r.status FROM runs r WHERE r.id = s.run_id AND ${dialect.isIn("r.workflow_id", p.workflow_ids)})
    ORDER BY s.priority DESC, s.ready_at, s.run_id, s.number, s.item LIMIT ${p.max}`;
});

/** Leases stages to an instance: RUNNING, one more attempt. */
export const leaseStages = forRows(
  "lease_stages",
  { run_id: "text", stage_id: "text", item: "int", instance_id: "text", worker_id: "text", now: "instant" },
  (
    u,
    { from },
  ) => `UPDATE stages SET status = 'RUNNING', attempt = stages.attempt + 1, instance_id = ${u.instance_id}, worker_id = ${u.worker_id},
    locked_at = ${u.now}, ready_at = NULL, wait_reason = NULL, started_at = coalesce(stages.started_at, ${u.now}), updated_at = ${u.now},
    version = stages.version + 1 ${from} WHERE stages.run_id = ${u.run_id} AND stages.stage_id = ${u.stage_id} AND stages.item = ${u.item}`,
);

/** Picks suspended stages of RUNNING runs whose poll is due; workflow id, the run's config and the stage's state follow. */
export const pickPolls = forOne("pick_polls", { now: "int", workflow_ids: "texts", max: "limit" }, (p, dialect) => {
  return `SELECT ${stageStateColumns}, r.workflow_id, r.config, s.state FROM stages s
    ${ofRunningRun(dialect, "r.workflow_id, r.config", dialect.isIn("r.workflow_id", p.workflow_ids))}
    WHERE s.poll_at IS NOT NULL AND s.poll_at <= ${p.now} AND s.status = 'SUSPENDED' AND s.wait_reason = 'poll'
    ORDER BY s.poll_at, s.run_id, s.stage_id, s.item LIMIT ${p.max} ${dialect.lockFreeRows}`;
});

/** Holds polls under new execution ids. */
export const holdPolls = forRows(
  "hold_polls",
  { run_id: "text", stage_id: "text", item: "int", execution_id: "text", poll_at: "instant", now: "instant" },
  (u, { from }) => `UPDATE stages SET execution_id = ${u.execution_id}, poll_at = ${u.poll_at}, updated_at = ${u.now},
    version = stages.version + 1 ${from} WHERE stages.run_id = ${u.run_id} AND stages.stage_id = ${u.stage_id} AND stages.item = ${u.item}`,
);
