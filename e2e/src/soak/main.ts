// `npm run soak -- --minutes 10 --store sqlite --rate 20 --workers 3`, or `--store postgres`: prints a line every ten seconds and a report at the end; ends with 1
// when a run was lost or wrong, or when memory or a table grew.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPostgres } from "../../../tools/postgres/server.ts";
import { createTestDatabase } from "../../../tools/postgres/test-databases.ts";
import { findGrowth, type SoakReport, type SoakSample, soak } from "./soak.ts";
import { postgresTables, sqliteTables } from "./tables.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    store: { type: "string", default: "sqlite" },
    rate: { type: "string", default: "20" },
    workers: { type: "string", default: "3" },
  },
});

function tell({ seconds, open, audited, heapMiB, tables }: SoakSample): void {
  const rows = Object.entries(tables).map(([name, count]) => `${name} ${count}`);
  console.log(`${String(seconds).padStart(5)} s  open ${open}, audited ${audited}, heap ${heapMiB.toFixed(1)} MiB, ${rows.join(", ")}`);
}

const { minutes, rate, workers } = values;
const sizes = { minutes: Number(minutes), rate: Number(rate), workers: Number(workers), onSample: tell };

async function soakSqlite(): Promise<SoakReport> {
  const folder = mkdtempSync(join(tmpdir(), "soak-"));
  try {
    const place = join(folder, "runs.db");
    return await soak({ store: "sqlite", place, measure: sqliteTables(place), ...sizes });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function soakPostgres(): Promise<SoakReport> {
  const server = process.env["DATABASE_URL"] === undefined ? await startPostgres() : null;
  const { url, query, drop } = await createTestDatabase(server?.url);
  try {
    return await soak({ store: "postgres", place: url, measure: postgresTables(query), ...sizes });
  } finally {
    await drop();
    await server?.stop();
  }
}

if (values.store !== "sqlite" && values.store !== "postgres") throw new Error(`--store ${values.store}: there are sqlite and postgres`);
const { audited, killed, stopped, problems, samples } = await (values.store === "sqlite" ? soakSqlite() : soakPostgres());
const growth = findGrowth(samples);
console.log(
  `\nsoak on ${values.store}, ${minutes} minutes: ${audited} runs ended as they should have, but for ${problems.length} problems`,
);
console.log(`${killed} workers killed with SIGKILL, ${stopped} stopped with SIGTERM`);
for (const problem of problems.slice(0, 50)) console.log(`  problem: ${problem}`);
console.log(growth.length > 0 ? `grew: ${growth.join("; ")}` : "memory and tables are flat");
process.exitCode = problems.length > 0 || growth.length > 0 || audited === 0 ? 1 : 0;
