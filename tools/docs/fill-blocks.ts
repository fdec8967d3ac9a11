// Completes the blocks of pages that were written to be read: names they do not declare, ellipses, methods without their object, two
// examples in one block. What is filled in stands in fillings/, so that the blocks meet our packages and nothing made up for them; to
// their imports that folder is the one they stand in.

import { writeFileSync } from "node:fs";
import path from "node:path";
import { type Frame, frames, namesOfServers } from "./fillings/frames.ts";
import type { Block } from "./markdown.ts";
import { type Message, moduleOf, runCompiler } from "./type-check.ts";

/** Where the fillings stand. */
export const FILLINGS = path.join(import.meta.dirname, "fillings");

/** A block completed: the module it makes, and what is known of running it. */
export interface FilledBlock extends Block {
  /** Lines after the block: imports of what it does not declare. */
  footer: string;
  throws: RegExp | null;
}

interface Filling {
  block: FilledBlock;
  sources: string[];
  names: Set<string>;
}

const missing = /^TS(?:2304|2552|2503|18004): .*?(?:name|property|namespace) '([A-Za-z_$][\w$]*)'/;
const twice = /^TS(?:2451|2440|2300): .*?'([A-Za-z_$][\w$]*)'/;
const rounds = 4;

/** Completes blocks as far as the compiler says what they miss; answers them and what it still says. */
export async function fillBlocks(
  blocks: readonly Block[],
  root: string,
  folder: string,
): Promise<{ blocks: FilledBlock[]; messages: Message[] }> {
  const known = new Map<string, ReadonlySet<string>>(Object.entries(namesOfServers).map(([source, names]) => [source, new Set(names)]));
  for (const source of ["names.ts", "executor.ts"]) {
    known.set(source, new Set(Object.keys((await import(path.join(FILLINGS, source))) as object)));
  }
  let fillings = blocks.map(framed);
  for (let round = 0; ; round++) {
    writeFilled(fillings, root, folder, known);
    const messages = runCompiler(root, folder);
    const parts = fillings.map((filling, index) =>
      complete(
        filling,
        messages.filter(({ file }) => file === moduleOf(index)),
      ),
    );
    const isDone = parts.every((part) => part === null);
    if (isDone || round === rounds) return { blocks: fillings.map(({ block }) => block), messages };
    fillings = parts.flatMap((part, index) => part ?? [fillings[index] as Filling]);
  }
}

function framed(block: Block): Filling {
  const own = frames.filter(({ when }) => when.test(block.text));
  const text = own.reduce((shown, { replace = [] }) => replace.reduce((all, [from, to]) => all.replace(from, to), shown), block.text);
  const first = <K extends keyof Frame>(key: K): Frame[K] | undefined => own.find((frame) => frame[key] !== undefined)?.[key];
  const filled: FilledBlock = {
    ...block,
    text: `${text}${first("after") ? `\n${first("after")}` : ""}`,
    before: own.map(({ before = "" }) => before).join(""),
    ...{ runs: true, footer: "", throws: first("throws") ?? null },
  };
  const sources = [...own.flatMap(({ namesFrom }) => namesFrom ?? []), "names.ts", "prisma.ts"];
  return { block: filled, sources, names: new Set(own.flatMap(({ names = [] }) => names)) };
}

/** What a block becomes by what the compiler misses in it: with more names, or cut in two; null when nothing can be done. */
function complete(filling: Filling, messages: readonly Message[]): Filling[] | null {
  const names = messages.flatMap(({ text }) => missing.exec(text)?.[1] ?? []).filter((name) => !filling.names.has(name));
  if (names.length > 0) return [{ ...filling, names: new Set([...filling.names, ...names]) }];
  const declared = messages.flatMap(({ text }) => twice.exec(text)?.[1] ?? [])[0];
  return declared === undefined ? null : cut(filling, declared);
}

/** A block that declares a name twice shows two examples: the second begins with the paragraph of its declaration. */
function cut({ block, sources, names }: Filling, declared: string): Filling[] | null {
  const lines = block.text.split("\n");
  const declares = new RegExp(`^(?:export )?(?:const|let|class|interface|function) ${declared}\\b`);
  const second = lines.findIndex((line, index) => declares.test(line) && lines.slice(0, index).some((earlier) => declares.test(earlier)));
  if (second < 0) return null;
  const at = lines.slice(0, second).findLastIndex((line) => line.trim() === "") + 1;
  // the first example's imports serve the second too
  const imports =
    block.text
      .match(/^import [\s\S]*?;$/gm)
      ?.join(" ")
      .replaceAll("\n", " ") ?? "";
  return [
    { block: { ...block, text: lines.slice(0, at).join("\n") }, sources, names: new Set(names) },
    { block: { ...block, line: block.line + at, before: imports, text: lines.slice(at).join("\n") }, sources, names: new Set(names) },
  ];
}

function writeFilled(fillings: readonly Filling[], root: string, folder: string, known: ReadonlyMap<string, ReadonlySet<string>>): void {
  fillings.forEach(({ block, sources, names }, index) => {
    block.footer = footerOf(sources, names, known);
    writeFileSync(
      path.join(folder, moduleOf(index)),
      `${block.before}${block.text}\n${block.footer}\nawait import("./finish.ts");\nexport {};\n`,
    );
  });
  const config = {
    extends: path.join(root, "tsconfig.base.json"),
    compilerOptions: {
      ...{ noEmit: true, noUnusedLocals: false, noUnusedParameters: false, verbatimModuleSyntax: false },
      // as the pages' readers compile: imports without extension, objects looked up by any text
      ...{
        module: "preserve",
        moduleResolution: "bundler",
        noImplicitAny: false,
        rootDirs: [folder, FILLINGS],
        paths: { "@prisma/client": [path.join(FILLINGS, "prisma-client.ts")] },
      },
    },
    files: fillings.map((_filling, index) => `./${moduleOf(index)}`),
  };
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(config));
}

/** Imports of the names, on one line; a name that is no value at run time is imported as a type. */
function footerOf(sources: readonly string[], names: ReadonlySet<string>, known: ReadonlyMap<string, ReadonlySet<string>>): string {
  const lines = [...names].map((name) => {
    const source = sources.find((one) => known.get(one)?.has(name));
    return source === undefined ? `import type { ${name} } from "./names.ts";` : `import { ${name} } from "./${source}";`;
  });
  return lines.join(" ");
}
