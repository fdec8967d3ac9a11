// How the dialects spell the few column types and table kinds that the schema uses.
import type { Dialect } from "../dialect.ts";

/** Spellings of one dialect. */
export interface ColumnTypes {
  /** Milliseconds since the epoch, counts of anything: 64 bits. */
  readonly int: string;
  readonly real: string;
  /** A key that the database counts up and never gives twice. */
  readonly identity: string;
  /** Ends a table whose primary key is what it is stored by. */
  readonly keyed: string;
  /** The same of a table whose rows change where they are: a page is filled to this percentage, so that they find room beside them. */
  changing(percent: number): string;
  /** The same of a table whose rows are queued for somebody and then stay: what left the queue's index is soon cleaned out of it. */
  readonly queued: string;
  /** As `Dialect.commitsInOrder`. */
  readonly commitsInOrder: boolean;
}

/**
 * Vacuums after a hundredth of the rows, indexes always: by default a queue's index keeps entries of what has left it until there are as
 * many as a fifth of a long history, and every pick reads them.
 */
const vacuumed = "autovacuum_vacuum_scale_factor = 0.01, vacuum_index_cleanup = on";

/** The spellings of a dialect. */
export function columnTypesOf(dialect: Dialect): ColumnTypes {
  const { commitsInOrder } = dialect;
  return dialect.name === "sqlite"
    ? {
        int: "INTEGER",
        real: "REAL",
        identity: "INTEGER PRIMARY KEY AUTOINCREMENT",
        keyed: " WITHOUT ROWID",
        changing: () => " WITHOUT ROWID",
        queued: "",
        commitsInOrder,
      }
    : {
        int: "BIGINT",
        real: "DOUBLE PRECISION",
        identity: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        keyed: "",
        changing: (percent) => ` WITH (fillfactor = ${percent}, ${vacuumed})`,
        queued: ` WITH (${vacuumed})`,
        commitsInOrder,
      };
}
