// `npm run soak -- --minutes 10 --store sqlite --rate 20 --workers 3`: prints a line every ten seconds and a report at the end; ends with 1
// when a run was lost or wrong, or when memory or a table grew.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findGrowth, type SoakSample, soak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    store: { type: "string", default: "sqlite" },
    rate: { type: "string", default: "20" },
    workers: { type: "string", default: "3" },
  },
});

if (values.store !== "sqlite") throw new Error(`--store ${values.store}: there is sqlite`);

function tell({ seconds, open, audited, heapMiB, tables }: SoakSample): void {
  const rows = Object.entries(tables).map(([name, count]) => `${name} ${count}`);
  console.log(`${String(seconds).padStart(5)} s  open ${open}, audited ${audited}, heap ${heapMiB.toFixed(1)} MiB, ${rows.join(", ")}`);
}

const folder = mkdtempSync(join(tmpdir(), "soak-"));
try {
  const { minutes, rate, workers } = values;
  const sizes = { minutes: Number(minutes), rate: Number(rate), workers: Number(workers) };
  const { audited, killed, stopped, problems, samples } = await soak({
    store: "sqlite",
    place: join(folder, "runs.db"),
    ...sizes,
    onSample: tell,
  });
  const growth = findGrowth(samples);
  console.log(
    `\nsoak on ${values.store}, ${minutes} minutes: ${audited} runs ended as they should have, but for ${problems.length} problems`,
  );
  console.log(`${killed} workers killed with SIGKILL, ${stopped} stopped with SIGTERM`);
  for (const problem of problems.slice(0, 50)) console.log(`  problem: ${problem}`);
  console.log(growth.length > 0 ? `grew: ${growth.join("; ")}` : "memory and tables are flat");
  process.exitCode = problems.length > 0 || growth.length > 0 || audited === 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
