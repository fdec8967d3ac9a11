// One text for every database. A statement over many rows names its parameters as `u.id`, `u.status`: PostgreSQL runs it once over
// unnest($1, $2), and in the plain form (`WHERE id = $1`) when there is one row; SQLite runs the plain form once a row, which costs 1.5 us
// where UPDATE .. FROM costs 3.9 us.
// What differs stands beside the statement it changes, as a fragment that is empty elsewhere.

/**
 * Type of a parameter; `texts` and `ints` are lists, as JSON; `limit` stands behind LIMIT. An `instant` is an `int` that all rows of one
 * statement share, as what happens at the same time does.
 */
export type ColumnType = "text" | "int" | "real" | "instant" | "texts" | "ints" | "limit";

/** Names and types of a statement's parameters, in the order of their binding. */
export type Columns = Readonly<Record<string, ColumnType>>;

/** One statement. `rows` runs for a list of parameter rows, `one` for exactly one. */
export interface Statement {
  readonly name: string;
  readonly kind: "rows" | "one";
  readonly columns: Columns;
  /** True for one that is to answer or change a row for each of its own; where it does not, others came in between. */
  readonly isCheck?: true;
  /** The text in a dialect. */
  render(dialect: Dialect): string;
}

/** How a database spells what differs. */
export interface Dialect {
  readonly name: "sqlite" | "postgres";
  /** A parameter by its position, from 1. */
  parameter(position: number, type: ColumnType): string;
  /** True when many rows travel as arrays in one statement. */
  readonly takesArrays: boolean;
  /** True when ids that the database counts up become visible in their order: nobody commits a smaller one later. */
  readonly commitsInOrder: boolean;
  /** True when several write at once, so that whoever picks rows passes by those that others have. */
  readonly locksRows: boolean;
  /** Locks rows that a SELECT picks; waits for whoever has them. */
  readonly lockRows: string;
  /** Locks rows that a SELECT picks; leaves out those that somebody has. */
  readonly lockFreeRows: string;
  /** Keeps a planner without statistics to an index. */
  useIndex(name: string): string;
  /**
   * Joins to each row the rows of a table that belong to it, and never begins there, whatever a planner believes of the sizes of both:
   * what it knows may be from a time when the tables were empty. `columns` are those that the statement reads.
   */
  thenJoin(table: string, columns: string, on: string): string;
  /** A text column that rows are told apart by once they are found: no index of it is where to look for them. */
  asFilter(column: string): string;
  /** `column` is one of a list. */
  isIn(column: string, parameter: string): string;
  /** The same where rows are to be found by it, not filtered. */
  isFoundIn(column: string, parameter: string): string;
}

/** SQLite: one writer, so nothing needs row locks. */
export const sqliteDialect: Dialect = {
  name: "sqlite",
  // behind a bare `LIMIT ?` SQLite plans by the number, and prepares the statement anew whenever it is bound: 30 us and more, each time
  parameter: (position, type) => (type === "limit" ? `CAST(?${position} AS INTEGER)` : `?${position}`),
  takesArrays: false,
  commitsInOrder: true,
  locksRows: false,
  lockRows: "",
  lockFreeRows: "",
  useIndex: (name) => `INDEXED BY ${name}`,
  thenJoin: (table, _, on) => `CROSS JOIN ${table} ON ${on}`,
  asFilter: (column) => `+${column}`,
  // the + keeps the planner from starting at an index of this column: a list of ids is a filter, not where the work is
  isIn: (column, parameter) => `+${column} IN (SELECT value FROM json_each(${parameter}))`,
  isFoundIn: (column, parameter) => `${column} IN (SELECT value FROM json_each(${parameter}))`,
};

const postgresTypes: Record<ColumnType, string> = {
  text: "text",
  int: "bigint",
  real: "float8",
  instant: "bigint",
  texts: "text[]",
  ints: "bigint[]",
  limit: "bigint",
};

/** PostgreSQL. */
export const postgresDialect: Dialect = {
  name: "postgres",
  parameter: (position, type) => `$${position}::${postgresTypes[type]}`,
  takesArrays: true,
  commitsInOrder: false,
  locksRows: true,
  lockRows: "FOR NO KEY UPDATE",
  lockFreeRows: "FOR NO KEY UPDATE SKIP LOCKED",
  useIndex: () => "",
  // OFFSET 0 keeps it a query of its own, run for each row; locks of the whole statement reach into it
  thenJoin: (table, columns, on) =>
    `CROSS JOIN LATERAL (SELECT ${columns} FROM ${table} WHERE ${on} OFFSET 0) ${table.slice(table.lastIndexOf(" ") + 1)}`,
  // statistics of a long history say that nothing is RUNNING, and a plan that begins there is quadratic when much is
  asFilter: (column) => `coalesce(${column}, '')`,
  // the same by an expression, which no index has
  isIn: (column, parameter) => `(${column} || '') = ANY(${parameter})`,
  isFoundIn: (column, parameter) => `${column} = ANY(${parameter})`,
};

/**
 * PostgreSQL, for a statement over rows of which there is one. Over unnest it would be planned each time it runs, which takes longer than
 * running it: a plan for any number of rows looks dearer to PostgreSQL than one for this number.
 */
export const postgresRowDialect: Dialect = { ...postgresDialect, takesArrays: false };

/** How a statement names its parameters. */
export type Refs<C extends Columns> = { readonly [K in keyof C]: string };

/** The parts of a statement over rows that depend on the dialect. */
export interface RowsParts {
  readonly dialect: Dialect;
  /** `FROM u` of an UPDATE; empty where the statement runs once a row. */
  readonly from: string;
  /** `USING u` of a DELETE; empty where the statement runs once a row. */
  readonly using: string;
  /** `u CROSS JOIN`, to stand between FROM and the first table. */
  readonly join: string;
  /** How many parameter rows there are. */
  readonly given: string;
  /** `INSERT INTO table (columns)` with the parameters as its rows. */
  insert(table: string): string;
}

/** A statement that runs for many parameter rows. */
export function forRows<const C extends Columns>(name: string, columns: C, text: (u: Refs<C>, parts: RowsParts) => string): Statement {
  const names = Object.keys(columns);
  const render = (dialect: Dialect): string => {
    const parameters = names.map((column, i) => dialect.parameter(i + 1, columns[column]!));
    const list = names.join(", ");
    if (!dialect.takesArrays) {
      const insert = (table: string): string => `INSERT INTO ${table} (${list}) VALUES (${parameters.join(", ")})`;
      return text(refsOf(names, parameters) as Refs<C>, { dialect, from: "", using: "", join: "", given: "1", insert });
    }
    const isShared = names.map((column) => columns[column] === "instant");
    const arrays = parameters.filter((_, i) => !isShared[i]).map((parameter) => `${parameter}[]`);
    const source = `unnest(${arrays.join(", ")}) AS u(${names.filter((_, i) => !isShared[i]).join(", ")})`;
    const refs = names.map((column, i) => (isShared[i] ? parameters[i]! : `u.${column}`));
    const insert = (table: string): string => `INSERT INTO ${table} (${list}) SELECT ${refs.join(", ")} FROM ${source} WHERE true`;
    const given = `cardinality(${arrays[0]})`;
    const parts = { dialect, from: `FROM ${source}`, using: `USING ${source}`, join: `${source} CROSS JOIN`, given, insert };
    return text(refsOf(names, refs) as Refs<C>, parts);
  };
  return { name, kind: "rows", columns, render: remember(render) };
}

/**
 * The same, to answer or change a row for each of them; else others came in between. On PostgreSQL the statement fails then, which ends the
 * transaction whatever is on its way behind it, so nobody waits for the answer; to divide by zero is no error on SQLite, where whoever runs
 * it looks.
 */
export function forCheck<const C extends Columns>(name: string, columns: C, text: (u: Refs<C>, parts: RowsParts) => string): Statement {
  const checked = (u: Refs<C>, parts: RowsParts): string => {
    const found = text(u, parts);
    if (parts.dialect.name === "sqlite") return found;
    const answering = found.startsWith("UPDATE") ? `${found} RETURNING 1` : found;
    return `WITH found AS (${answering}) SELECT 1 / (CASE WHEN count(*) = ${parts.given} THEN 1 ELSE 0 END) FROM found`;
  };
  return { ...forRows(name, columns, checked), isCheck: true };
}

/** A statement that runs for one parameter row. */
export function forOne<const C extends Columns>(name: string, columns: C, text: (p: Refs<C>, dialect: Dialect) => string): Statement {
  const names = Object.keys(columns);
  const render = (dialect: Dialect): string => {
    const parameters = names.map((column, i) => dialect.parameter(i + 1, columns[column]!));
    return text(refsOf(names, parameters) as Refs<C>, dialect);
  };
  return { name, kind: "one", columns, render: remember(render) };
}

/** What a parameter stands for that keeps (null), clears ('') or sets a text column. */
export function keepClearSet(column: string, parameter: string): string {
  return `nullif(coalesce(${parameter}, ${column}), '')`;
}

/** A text column's change as such a parameter. */
export function changeOf(text: string | null | undefined): string | null {
  return text === undefined ? null : (text ?? "");
}

function refsOf(names: readonly string[], refs: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, i) => [name, refs[i]!]));
}

function remember(render: (dialect: Dialect) => string): (dialect: Dialect) => string {
  const texts = new Map<Dialect, string>();
  return (dialect) => {
    let text = texts.get(dialect);
    if (text === undefined) texts.set(dialect, (text = render(dialect).replace(/\s+/g, " ").trim()));
    return text;
  };
}
