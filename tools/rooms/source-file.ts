// One source file as the checks see it: what it imports, what it touches, how long it and its functions are. Parsed by
// oxc-parser: TypeScript 7 is native and its JavaScript API is still marked unstable (docs/decisions/0001).

import { parseSync, visitorKeys } from "oxc-parser";

/** How a module is imported: at load time, for its types only, or when `import()` runs. */
export type ImportKind = "static" | "type" | "lazy";

/** One import of a file. */
export interface Import {
  specifier: string;
  kind: ImportKind;
  line: number;
}

/** Something a file touches: a global, `async`, a default export, a function that is too long. */
export interface Finding {
  what: string;
  line: number;
}

/** What the checks need to know of one file. */
export interface SourceFile {
  /** Path from the root, with forward slashes. */
  path: string;
  lines: number;
  imports: Import[];
  /** References to globals, as `name` or `name.member`; `Date()` and `new Date()` when called without arguments. */
  globals: Finding[];
  /** Uses of async, await and Promise, in types too. */
  async: Finding[];
  hasDefaultExport: boolean;
  /** Functions with their length in lines; callbacks of describe() are sections, not functions, and left out. */
  functions: { line: number; length: number }[];
}

interface Node {
  type: string;
  start: number;
  end: number;
  // The AST is read by shape: every access below checks what it finds.
  [key: string]: unknown;
}

interface Walk {
  file: SourceFile;
  lineAt(offset: number): number;
}

const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
const ASYNC = new Map([
  ["AwaitExpression", "await"],
  ["ImportExpression", "import()"],
]);
/** TypeScript's wrappers around a value; every other TS node is a type, where naming a global touches nothing. */
const VALUE_WRAPPERS = new Set(["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression", "TSInstantiationExpression"]);

/** Parses a file; throws where it is no TypeScript, since an unread file would pass every check. */
export function readSource(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text);
  const starts = [...text.matchAll(/\n/g)].map((match) => match.index + 1);
  const lineAt = (offset: number): number => countUpTo(starts, offset) + 1;
  const error = parsed.errors[0];
  if (error !== undefined) throw new Error(`${path}:${lineAt(error.labels[0]?.start ?? 0)}: cannot be parsed: ${error.message}`);
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  const file: SourceFile = { path, lines, imports: [], globals: [], async: [], hasDefaultExport: false, functions: [] };
  visit(parsed.program as unknown as Node, null, "", false, { file, lineAt });
  return file;
}

function countUpTo(sorted: readonly number[], limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function visit(node: Node, parent: Node | null, slot: string, isType: boolean, walk: Walk): void {
  noteImport(node, walk);
  noteAsync(node, walk);
  if (!isType && !isName(parent, slot)) noteGlobal(node, parent, slot, walk);
  if (FUNCTIONS.has(node.type) && !isDescribe(parent)) {
    const line = walk.lineAt(node.start);
    walk.file.functions.push({ line, length: walk.lineAt(node.end) - line + 1 });
  }
  const wraps = VALUE_WRAPPERS.has(node.type);
  for (const key of visitorKeys[node.type] ?? []) {
    const isTypeSlot = isType || (node.type.startsWith("TS") && !(wraps && key === "expression"));
    for (const child of [node[key]].flat()) {
      if (isNode(child)) visit(child, node, key, isTypeSlot, walk);
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

/** A name that refers to nothing: `x.name`, `{ name: 1 }`, `name() {}` in a class, `import { name }`. */
function isName(parent: Node | null, slot: string): boolean {
  if (parent === null) return false;
  if (/^(Import|Export)\w*Specifier$/.test(parent.type)) return true;
  return (slot === "key" || slot === "property") && parent["computed"] !== true;
}

function isDescribe(parent: Node | null): boolean {
  if (parent?.type !== "CallExpression") return false;
  let callee: unknown = parent["callee"];
  while (isNode(callee) && callee.type !== "Identifier") callee = callee["object"] ?? callee["callee"] ?? callee["tag"];
  return isNode(callee) && (callee["name"] === "describe" || callee["name"] === "suite");
}

function noteImport(node: Node, { file, lineAt }: Walk): void {
  if (node.type === "ExportDefaultDeclaration") file.hasDefaultExport = true;
  if (node.type === "ExportSpecifier" && nameOf(node["exported"]) === "default") file.hasDefaultExport = true;
  const source = node.type === "TSImportType" ? (node["source"] ?? node["argument"]) : node["source"];
  if (!isNode(source)) return;
  const specifier = source["value"] ?? (isNode(source["literal"]) ? source["literal"]["value"] : undefined);
  const line = lineAt(node.start);
  if (typeof specifier === "string") file.imports.push({ specifier, kind: importKind(node), line });
  else if (node.type === "ImportExpression") file.imports.push({ specifier: "(computed)", kind: "lazy", line });
}

function importKind(node: Node): ImportKind {
  if (node.type === "ImportExpression") return "lazy";
  // `import { type A }` still loads the module at run time under verbatimModuleSyntax, so only `import type` counts as a type.
  const isTypeOnly = node.type === "TSImportType" || node["importKind"] === "type" || node["exportKind"] === "type";
  return isTypeOnly ? "type" : "static";
}

function noteAsync(node: Node, { file, lineAt }: Walk): void {
  const isAwaited = node.type === "ForOfStatement" && node["await"] === true;
  const isPromise = node.type === "Identifier" && /^Promise(Like)?$/.test(String(node["name"]));
  const named = ASYNC.get(node.type) ?? (node["async"] === true ? "async" : isAwaited ? "for await" : isPromise ? "Promise" : null);
  if (named !== null) file.async.push({ what: named, line: lineAt(node.start) });
}

function noteGlobal(node: Node, parent: Node | null, slot: string, { file, lineAt }: Walk): void {
  const line = lineAt(node.start);
  if (node.type === "MemberExpression") {
    const name = memberName(node);
    if (name !== null) file.globals.push({ what: name, line });
    return;
  }
  if (node.type !== "Identifier") return;
  const name = nameOf(node);
  if (name === "Date") {
    const isCallee = slot === "callee" && Array.isArray(parent?.["arguments"]);
    const isConstructed = parent?.type === "NewExpression";
    const hasArguments = Array.isArray(parent?.["arguments"]) && parent["arguments"].length > 0;
    if (isCallee && !(isConstructed && hasArguments)) file.globals.push({ what: isConstructed ? "new Date()" : "Date()", line });
  } else if (name !== null) {
    file.globals.push({ what: name, line });
  }
}

/** `Date.now` of `Date.now`, `Date["now"]` and `globalThis.Date.now`; null where the object is no plain name. */
function memberName(node: Node): string | null {
  const object = isNode(node["object"]) && node["object"].type === "MemberExpression" ? memberName(node["object"]) : nameOf(node["object"]);
  const property = nameOf(node["property"]);
  if (object === null || property === null) return null;
  return object === "globalThis" ? property : `${object}.${property}`;
}

function nameOf(node: unknown): string | null {
  if (!isNode(node)) return null;
  const name = node["name"] ?? node["value"];
  return typeof name === "string" ? name : null;
}
