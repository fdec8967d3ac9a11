// The shape of the tables in rooms.ts, and the two questions asked of them: which room a file is in, and whether a name is in a
// list that may end in `*`.

/** What a room may not touch: `node:*` modules; console and process; anything asynchronous. */
export type Ban = "node" | "io" | "async";

/** One room of the library: what its files may import and touch. */
export interface Room {
  /** Rooms it may import, besides itself; `type x` allows `import type` only. */
  sees: readonly string[];
  /** Third-party packages it may import. */
  packages?: readonly string[];
  /** Packages and `node:` modules it may load with `import()` only; importing their types is fine. A trailing `*` is a prefix. */
  lazy?: readonly string[];
  /** What it may not touch. */
  bans?: readonly Ban[];
  /** True where the real clock, timers and randomness come from. */
  isReal?: boolean;
}

/** The whole plan. */
export interface Plan {
  /** Folder of the library whose rooms are listed, relative to the root. */
  home: string;
  rooms: Readonly<Record<string, Room>>;
  /** Words no file or folder name may contain, as a whole word of the kebab-case name. */
  bannedWords: readonly string[];
  /** Workspaces, as in package.json: each imports the others by their exported names only. */
  workspaces: readonly string[];
  /** Folders whose files are named and sized like everyone's, though they are no workspace. */
  alsoShaped: readonly string[];
  maxFileLines: number;
  maxFunctionLines: number;
}

/** Names the room of a file given relative to the library's folder, e.g. `sql/drivers/pg.ts` -> `sql/drivers`; null if none. */
export function roomOf(file: string, rooms: Plan["rooms"]): string | null {
  const stem = file.replace(/\.[^/]+$/, "");
  const own = Object.keys(rooms).filter((room) => stem === room || stem.startsWith(`${room}/`));
  return own.sort((a, b) => b.length - a.length)[0] ?? null;
}

/** Tells whether a module specifier is one of the listed packages (or a subpath of one). */
export function isListed(specifier: string, list: readonly string[] = []): boolean {
  return list.some((entry) =>
    entry.endsWith("*") ? specifier.startsWith(entry.slice(0, -1)) : specifier === entry || specifier.startsWith(`${entry}/`),
  );
}

/** Tells whether a file is a test, which may import anything (but closes no cycle). */
export function isTest(file: string): boolean {
  return /\.test(-[a-z]+)?\.tsx?$/.test(file);
}
