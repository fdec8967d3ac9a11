// The SQL that the package ships makes the tables of the schema that it ships.
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createStatements, fullerSchema } from "./schemas.test-fixture.ts";

const header = "-- The tables of schema.prisma beside this file, for those who do not use Prisma's migrations. Run it once.\n";

describe("the shipped schema", () => {
  for (const databaseType of ["postgresql", "sqlite"] as const) {
    it(`has its tables in ${databaseType}.sql`, () => {
      const file = new URL(`../../prisma/${databaseType}.sql`, import.meta.url);
      const sql = `${header}\n${createStatements(fullerSchema, databaseType).join(";\n\n")};\n`;
      if (process.env["UPDATE_SQL"]) writeFileSync(file, sql);
      expect(readFileSync(file, "utf8")).toBe(sql);
    });
  }
});
