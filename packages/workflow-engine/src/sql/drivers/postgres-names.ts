// Statements as PostgreSQL gets them: every table under the name of its schema, since a search path is a session's and a pooler may give
// every transaction another session; each text under a name of its own, which a session prepares once.
import type { Statement } from "../db.ts";
import { type Dialect, postgresDialect, postgresRowDialect } from "../dialect.ts";
import { hashOf } from "../lanes.ts";

const longestName = 63;

/** A statement ready to be sent. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** Texts of one store. */
export class StatementTexts {
  readonly #tables: RegExp;
  readonly #schema: string;
  readonly #known = new Map<Statement, NamedText>();
  readonly #knownOfOne = new Map<Statement, NamedText>();

  constructor(schema: string, tables: readonly string[]) {
    this.#schema = quoteName(schema);
    this.#tables = new RegExp(`\\b(FROM|JOIN|INTO|UPDATE|TABLE|TABLE IF NOT EXISTS|USING|ON)\\s+(${tables.join("|")})\\b(?![.])`, "g");
  }

  /** The text and the name of a statement. */
  of(statement: Statement): NamedText {
    return this.#of(statement, postgresDialect, this.#known);
  }

  /** The same of a statement over rows, for exactly one. */
  ofOne(statement: Statement): NamedText {
    return this.#of(statement, postgresRowDialect, this.#knownOfOne);
  }

  /** A script whose tables are named with their schema. */
  qualify(script: string): string {
    return script.replace(this.#tables, (_, verb: string, table: string) => `${verb} ${this.#schema}.${table}`);
  }

  #of(statement: Statement, dialect: Dialect, all: Map<Statement, NamedText>): NamedText {
    let known = all.get(statement);
    if (!known) {
      const text = this.qualify(statement.render(dialect));
      known = { text, name: `${statement.name.slice(0, longestName - 10)}_${hashOf(text).toString(36)}` };
      all.set(statement, known);
    }
    return known;
  }
}

/** A name as SQL takes it whatever it holds. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The tables that a migration's script makes. */
export function tablesOf(script: string): string[] {
  return [...script.matchAll(/CREATE TABLE (?:IF NOT EXISTS )?(\w+)/g)].map((match) => match[1]!);
}
