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
  /** As `Dialect.commitsInOrder`. */
  readonly commitsInOrder: boolean;
}

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
        commitsInOrder,
      }
    : {
        int: "BIGINT",
        real: "DOUBLE PRECISION",
        identity: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        keyed: "",
        changing: (percent) => ` WITH (fillfactor = ${percent})`,
        commitsInOrder,
      };
}
