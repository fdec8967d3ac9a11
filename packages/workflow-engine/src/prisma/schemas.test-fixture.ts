// The two schemas that tests run on, and the tables they describe: Prisma's own migrations need an engine that this package does not.
import { readFileSync } from "node:fs";
import type { DatabaseType } from "./client.ts";

/** Models as text, without generator and datasource. */
export interface TestSchema {
  name: string;
  models: string;
}

/** The smallest schema that the adapters take: models as the first version's README printed them. */
export const smallestSchema: TestSchema = { name: "smallest", models: readFileSync(new URL("smallest.prisma", import.meta.url), "utf8") };

/** The schema that the package ships. */
export const fullerSchema: TestSchema = {
  name: "fuller",
  models: modelsOf(readFileSync(new URL("../../prisma/schema.prisma", import.meta.url), "utf8")),
};

/** The smallest schema under other names: no table or column is called as its model or field. */
export const renamedSchema: TestSchema = { name: "renamed", models: renamed(smallestSchema.models) };

function modelsOf(schema: string): string {
  return schema.slice(schema.indexOf("\nenum ") + 1);
}

function renamed(models: string): string {
  const lines = models.split("\n").flatMap((line) => {
    const field = /^ {2}(\w+)\s+(String|Int|Float|Json|DateTime|Status)\b/.exec(line);
    if (field) return [`${line} @map("f_${field[1]!.toLowerCase()}")`];
    if (line.includes("@@map(")) return [];
    return [line];
  });
  let model = "";
  return lines
    .flatMap((line) => {
      model = /^model (\w+)/.exec(line)?.[1] ?? model;
      return line === "}" && model !== "" ? [`  @@map("t_${model.toLowerCase()}")`, line] : [line];
    })
    .join("\n");
}

/** The whole schema.prisma for one database. SQLite knows no @db attributes. */
export function schemaText({ models }: TestSchema, databaseType: DatabaseType, generator: string, datasource = ""): string {
  const fit = databaseType === "sqlite" ? models.replaceAll(/\s*@db\.\w+/g, "") : models;
  return `generator client {\n${generator}\n}\n\ndatasource db {\n  provider = "${databaseType}"\n${datasource}}\n\n${fit}`;
}

const types: Record<DatabaseType, Record<string, string>> = {
  postgresql: {
    String: "TEXT",
    Int: "INTEGER",
    BigInt: "BIGINT",
    Float: "DOUBLE PRECISION",
    Json: "JSONB",
    DateTime: "TIMESTAMP(3)",
    Boolean: "BOOLEAN",
  },
  sqlite: { String: "TEXT", Int: "INTEGER", BigInt: "BIGINT", Float: "REAL", Json: "JSONB", DateTime: "DATETIME", Boolean: "BOOLEAN" },
};

/** The statements that make the tables of a schema, as Prisma's migrations would. */
export function createStatements({ models }: TestSchema, databaseType: DatabaseType): string[] {
  const enums = [...models.matchAll(/^enum (\w+) \{\n([^}]*)\}/gm)].map(([, name, body]) => ({
    name: name!,
    values: body!.trim().split(/\s+/),
  }));
  const known = {
    ...types[databaseType],
    ...Object.fromEntries(enums.map(({ name }) => [name, databaseType === "sqlite" ? "TEXT" : `"${name}"`])),
  };
  const blocks = [...models.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)].map(([, name, body]) => ({
    name: name!,
    lines: body!.split("\n"),
  }));
  const tables = new Map(blocks.map(({ name, lines }) => [name, /@@map\("(\w+)"\)/.exec(lines.join("\n"))?.[1] ?? name]));
  const makeEnums =
    databaseType === "sqlite"
      ? []
      : enums.map(({ name, values }) => `CREATE TYPE "${name}" AS ENUM (${values.map((value) => `'${value}'`).join(", ")})`);
  return [...makeEnums, ...blocks.flatMap(({ name, lines }) => tableStatements(tables.get(name)!, lines, known, tables))];
}

function tableStatements(table: string, lines: string[], known: Record<string, string>, tables: Map<string, string>): string[] {
  const fields = lines.map((line) => /^ {2}(\w+)\s+(\w+)(\?|\[\])?\s*(.*)$/.exec(line)).filter((found) => found !== null);
  const columns = new Map(fields.map(([, name, , , rest]) => [name!, /@map\("(\w+)"\)/.exec(rest!)?.[1] ?? name!]));
  const quoted = (names: string): string[] => names.split(",").map((name) => `"${columns.get(name.trim()) ?? name.trim()}"`);
  const parts = fields.flatMap(([, name, type, modifier, rest]) => {
    if (!known[type!]) return relation(rest!, tables.get(type!), quoted);
    const needed = modifier === "?" ? "" : " NOT NULL";
    return [`"${columns.get(name!)}" ${known[type!]}${needed}${defaultOf(rest!)}${rest!.includes("@id") ? " PRIMARY KEY" : ""}`];
  });
  parts.sort((a, b) => Number(a.startsWith("FOREIGN")) - Number(b.startsWith("FOREIGN")));
  const create = `CREATE TABLE "${table}" (\n  ${parts.join(",\n  ")}\n)`;
  const indexes = lines.flatMap((line) => {
    const found = /^ {2}@@(unique|index)\(\[([^\]]+)\]/.exec(line);
    if (!found) return [];
    const isUnique = found[1] === "unique";
    const names = quoted(found[2]!).map((name) => name.slice(1, -1));
    const label = `${table}_${names.join("_")}_${isUnique ? "key" : "idx"}`.slice(0, 63);
    return [`CREATE ${isUnique ? "UNIQUE " : ""}INDEX "${label}" ON "${table}" (${quoted(found[2]!).join(", ")})`];
  });
  return [create, ...indexes];
}

function relation(rest: string, table: string | undefined, quoted: (names: string) => string[]): string[] {
  const found = /@relation\(fields: \[(\w+)\], references: \[(\w+)\]/.exec(rest);
  if (!found || table === undefined) return [];
  return [`FOREIGN KEY (${quoted(found[1]!)}) REFERENCES "${table}" (${quoted(found[2]!)}) ON DELETE CASCADE ON UPDATE CASCADE`];
}

function defaultOf(rest: string): string {
  const given = /@default\((\w+\(\)|"[^"]*"|[^)]*)\)/.exec(rest)?.[1];
  if (given === undefined || given === "cuid()") return "";
  if (given === "now()") return " DEFAULT CURRENT_TIMESTAMP";
  const isNumber = /^(\d+|true|false)$/.test(given);
  return ` DEFAULT ${isNumber ? given : `'${given.replaceAll('"', "")}'`}`;
}
