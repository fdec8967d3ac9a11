// The page that a whole proof leaves behind: on what it was made, what was run with how many tests, and every figure.

import type { Figure } from "./figures.ts";

/** A part of a proof, once it has run. */
export interface ProvenPart {
  /** What it is, in words. */
  name: string;
  /** The PostgreSQL it ran on, e.g. `PostgreSQL 18.1`. */
  postgres: string;
  passed: number;
  failed: number;
  skipped: number;
  minutes: number;
}

/** The machine and the moment a proof was made on. */
export interface ProofContext {
  date: string;
  machine: string;
  node: string;
  /** The commit that was proved. */
  commit: string;
  parts: readonly ProvenPart[];
}

/** Renders the page: what was run, then one table a promise, promises in natural order (P2 before P10), figures as they were recorded. */
export function renderProof(figures: readonly Figure[], context: ProofContext): string {
  const byPromise = Map.groupBy(figures, (figure) => figure.promise);
  const promises = [...byPromise.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const sections = promises.map((promise) => {
    const rows = (byPromise.get(promise) ?? []).map(({ claim, store, figure, unit }) =>
      renderRow([claim, store ?? "", `${figure}${unit === undefined ? "" : ` ${unit}`}`]),
    );
    return `## ${promise}\n\n| shown | store | figure |\n|---|---|---|\n${rows.join("\n")}\n`;
  });
  return [
    "# Proof\n",
    "Written by `npm run prove`; do not edit.\n",
    `- date: ${context.date}\n- commit: ${context.commit}\n- machine: ${context.machine}\n- node: ${context.node}\n`,
    renderParts(context.parts),
    ...(sections.length > 0 ? sections : ["No test recorded a figure.\n"]),
  ].join("\n");
}

function renderParts(parts: readonly ProvenPart[]): string {
  const rows = parts.map(({ name, postgres, passed, failed, skipped, minutes }) =>
    renderRow([name, postgres, passed, failed, skipped, minutes.toFixed(1)]),
  );
  return `Run at full counts, one after the other:\n\n| part | on | passed | failed | skipped | minutes |\n|---|---|---|---|---|---|\n${rows.join("\n")}\n`;
}

function renderRow(cells: ReadonlyArray<string | number>): string {
  return `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
}
