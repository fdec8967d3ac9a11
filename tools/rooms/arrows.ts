// Who imports whom: the arrows between rooms, the third parties of each room, and the walls between workspaces, which know each
// other by exported names only.

import path from "node:path";
import { isListed, isTest, type Plan, type Room, roomOf } from "./plan.ts";
import type { Import, SourceFile } from "./source-file.ts";

/** A workspace: its folder, the name others import it by, and the subpaths it exports. */
export interface Workspace {
  folder: string;
  name: string;
  exports: readonly string[];
}

/** Resolves a relative import to a path from the root; null for a package. */
export function targetOf(file: string, specifier: string): string | null {
  return specifier.startsWith(".") ? path.posix.join(path.posix.dirname(file), specifier) : null;
}

/** Checks the imports of one file of the library against its room. */
export function checkArrows(file: SourceFile, plan: Plan): string[] {
  const inHome = path.posix.relative(plan.home, file.path);
  const name = roomOf(inHome, plan.rooms);
  if (name === null) return [`${file.path}: is in no room; the rooms are listed in tools/rooms.ts`];
  if (isTest(file.path)) return [];
  const room = plan.rooms[name] as Room;
  return file.imports.flatMap((one) => {
    const target = targetOf(file.path, one.specifier);
    const problem = target === null ? judgePackage(one, name, room) : judgeArrow(one, target, name, room, plan);
    return problem === null ? [] : [`${file.path}:${one.line} -> ${target ?? one.specifier}: ${problem}`];
  });
}

function judgeArrow(one: Import, target: string, name: string, room: Room, plan: Plan): string | null {
  const inHome = path.posix.relative(plan.home, target);
  if (inHome.startsWith("..")) return `room ${name} may not import outside ${plan.home}`;
  const other = roomOf(inHome, plan.rooms);
  if (other === null) return `room ${name} imports what is in no room`;
  if (other === name || room.sees.includes(other)) return null;
  if (!room.sees.includes(`type ${other}`)) return `room ${name} may not import room ${other}`;
  return one.kind === "type" ? null : `room ${name} may import room ${other} with \`import type\` only`;
}

function judgePackage(one: Import, name: string, room: Room): string | null {
  if (isListed(one.specifier, room.packages)) return null;
  if (!isListed(one.specifier, room.lazy)) return `room ${name} may not import package ${one.specifier}`;
  return one.kind === "static" ? `room ${name} may load ${one.specifier} with import() only, where it is used` : null;
}

/** Checks that a file of a workspace reaches other workspaces by their exported names. */
export function checkWalls(file: SourceFile, own: Workspace, all: readonly Workspace[]): string[] {
  return file.imports.flatMap((one) => {
    const target = targetOf(file.path, one.specifier);
    const problem = target === null ? judgeName(one.specifier, own, all) : judgePath(target, own, all);
    return problem === null ? [] : [`${file.path}:${one.line} -> ${target ?? one.specifier}: ${problem}`];
  });
}

function judgePath(target: string, own: Workspace, all: readonly Workspace[]): string | null {
  const other = all.find(({ folder }) => target === folder || target.startsWith(`${folder}/`));
  return other === undefined || other === own ? null : `${own.folder} may import ${other.name} by name only, not by path`;
}

function judgeName(specifier: string, own: Workspace, all: readonly Workspace[]): string | null {
  const other = all.find(({ name }) => specifier === name || specifier.startsWith(`${name}/`));
  if (other === undefined) return null;
  if (other === own) return `${own.folder} imports itself by name; import the file`;
  const subpath = `.${specifier.slice(other.name.length)}`;
  return other.exports.includes(subpath) ? null : `${other.name} does not export ${subpath}`;
}
