// What goes when a run goes (P22). Idempotency keys stay for their own retention: a late repetition of the command still gets its
// first answer. Children stand before what they hang on.
import type { Session, Statement } from "../db.ts";
import { forRows } from "../dialect.ts";

function deletes(table: string, column: string): Statement {
  return forRows(
    `delete_${table}_of_run`,
    { id: "text" },
    (u, { using }) => `DELETE FROM ${table} ${using} WHERE ${table}.${column} = ${u.id}`,
  );
}

/** Deletes what hangs on the outbox rows of runs. */
function deletesBelowOutbox(table: string): Statement {
  return forRows(`delete_${table}_of_run`, { id: "text" }, (u, { join, dialect }) => {
    const rows = `SELECT o.id FROM ${join} outbox o WHERE o.run_id = ${u.id}`;
    // as an array the list is made once, and before the table is looked at: as a subquery PostgreSQL may turn it into a join that begins there
    return `DELETE FROM ${table} WHERE outbox_id ${dialect.name === "postgres" ? `= ANY (ARRAY(${rows}))` : `IN (${rows})`}`;
  });
}

const inOrder: readonly Statement[] = [
  deletesBelowOutbox("event_marks"),
  deletesBelowOutbox("deliveries"),
  deletes("outbox", "run_id"),
  deletes("artifacts", "run_id"),
  deletes("logs", "run_id"),
  deletes("ai_calls", "run_id"),
  deletes("ai_budgets", "run_id"),
  deletes("attempts", "run_id"),
  deletes("stages", "run_id"),
  deletes("runs", "id"),
];

/** Deletes runs with every row that belongs to them. */
export async function deleteRuns(session: Session, runIds: readonly string[]): Promise<void> {
  const params = runIds.map((id) => [id]);
  for (const statement of inOrder) await session.write(statement, params);
}
