// The figures a proof leaves behind: a test records what it measured, `npm run prove` collects it. The file they meet in is
// named by PROOF_FIGURES, one JSON object a line, appended, so that tests in several processes can write at once.

import { appendFileSync, existsSync, readFileSync } from "node:fs";

/** One measured figure, e.g. `{ promise: "P17", claim: "runs advanced exactly once", figure: "300 of 300", store: "postgres" }`. */
export interface Figure {
  /** The promise it belongs to, e.g. `P17`, or a scenario's name. */
  promise: string;
  /** What was shown, in words. */
  claim: string;
  /** The figure itself. */
  figure: string | number;
  /** Unit of a numeric figure, e.g. `ms`. */
  unit?: string;
  /** The store it was shown on, when there is more than one. */
  store?: string;
}

/** Appends a figure for `npm run prove`; does nothing outside of it. */
export function recordFigure(figure: Figure): void {
  const file = process.env["PROOF_FIGURES"];
  if (file !== undefined && file !== "") appendFileSync(file, `${JSON.stringify(figure)}\n`);
}

/** Reads the figures of a file; throws on a line that is no figure, since a proof with holes proves nothing. */
export function readFigures(file: string): Figure[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.flatMap((line, index) => (line.trim() === "" ? [] : [parseFigure(line, `${file}:${index + 1}`)]));
}

function parseFigure(line: string, where: string): Figure {
  let value: Partial<Figure>;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Error(`${where}: not JSON: ${line}`);
  }
  const { promise, claim, figure } = value;
  if (typeof promise !== "string" || typeof claim !== "string" || (typeof figure !== "string" && typeof figure !== "number")) {
    throw new Error(`${where}: a figure needs promise, claim and figure: ${line}`);
  }
  return { ...value, promise, claim, figure };
}
