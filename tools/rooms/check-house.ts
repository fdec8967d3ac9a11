// Walks the repository and puts every source file before the checks that concern it.

import { globSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { checkArrows, checkWalls, type Workspace } from "./arrows.ts";
import { findCycles } from "./cycles.ts";
import type { Plan } from "./plan.ts";
import { checkShape } from "./shape.ts";
import { readSource, type SourceFile } from "./source-file.ts";
import { checkTouches } from "./touches.ts";

const SKIPPED = new Set(["node_modules", "dist", "generated", "coverage"]);
const SOURCE = /\.(ts|tsx|mts|js|mjs)$/;

/** Checks every workspace below a root against a plan; returns how many files were read and a line for each problem. */
export function checkHouse(root: string, plan: Plan): { files: number; problems: string[] } {
  const workspaces = listWorkspaces(root, plan.workspaces);
  const problems: string[] = [];
  const files: SourceFile[] = [];
  for (const folder of [...workspaces.map((workspace) => workspace.folder), ...plan.alsoShaped]) {
    for (const file of listSources(root, folder)) {
      try {
        files.push(readSource(file, readFileSync(path.join(root, file), "utf8")));
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
      }
    }
  }
  for (const file of files) {
    problems.push(...checkShape(file, plan));
    const own = workspaces.find(({ folder }) => file.path.startsWith(`${folder}/`));
    if (file.path.startsWith(`${plan.home}/`)) problems.push(...checkArrows(file, plan), ...checkTouches(file, plan));
    else if (own !== undefined) problems.push(...checkWalls(file, own, workspaces));
  }
  problems.push(...findCycles(files));
  return { files: files.length, problems };
}

function listWorkspaces(root: string, patterns: readonly string[]): Workspace[] {
  const manifests = globSync(
    patterns.map((pattern) => `${pattern}/package.json`),
    { cwd: root },
  );
  return manifests.sort().map((manifest) => {
    const { name, exports = {} } = JSON.parse(readFileSync(path.join(root, manifest), "utf8"));
    return { folder: path.dirname(manifest).replaceAll("\\", "/"), name, exports: Object.keys(exports) };
  });
}

function listSources(root: string, folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return SKIPPED.has(entry.name) || entry.name.startsWith(".") ? [] : listSources(root, file);
      return SOURCE.test(entry.name) ? [file] : [];
    });
}
