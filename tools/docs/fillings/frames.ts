// What the older pages leave open, filled in: `...` where the reader puts his own, a method shown without its object, a statement that
// shows an error. Names they use and do not declare are the exports of names.ts and executor.ts beside this file.

/** A block that is no complete module, and what completes it. */
export interface Frame {
  /** Tells the blocks it is for by their text. */
  when: RegExp;
  /** Literal pieces of the block, and what stands for them. */
  replace?: ReadonlyArray<readonly [shown: string, filled: string]>;
  /** One line before the block. */
  before?: string;
  after?: string;
  /** Names to fill in although the compiler knows another meaning for them, such as the browser's `name`. */
  names?: readonly string[];
  /** A module whose names come before those of names.ts. */
  namesFrom?: string;
  /** The block shows an error: it runs until this is thrown. */
  throws?: RegExp;
}

const stageShown = {
  replace: [["async execute(ctx) {", "const shown: ShownStage = { async execute(ctx) {"]],
  after: "};\nawait runShown(shown);",
} as const;

/** Every frame whose pattern fits a block is applied to it. */
export const frames: readonly Frame[] = [
  { when: /createKernel\(\{ \/\* \.\.\. \*\/ \}\)/, replace: [["{ /* ... */ }", "{ ...kernelParts }"]] },
  { when: /createKernel\(\{\n {2}\/\/ \.\.\.\n/, replace: [["  // ...\n", "  ...kernelParts, // ...\n"]] },
  { when: /createWorkflowRuntime\(\{ \.\.\. \}\)/, replace: [["{ ... }", "{ ...config }"]] },
  { when: /new WorkflowBuilder\(\/\* \.\.\. \*\/\)/, replace: [["/* ... */", "...builderArguments"]] },
  { when: /^new WorkflowBuilder\(id, name/, names: ["id", "name"] },
  { when: /^\.pipe\(/, before: "new WorkflowBuilder(...builderArguments)" },
  { when: /^async execute\(ctx\) \{/m, ...stageShown },
  { when: /executor/i, namesFrom: "executor.ts" },
  { when: /databaseType: "sqlite"/, namesFrom: "prisma-sqlite.ts" },
  { when: /^\/\/ Error: Stage doesn't exist/, throws: /Stage "non-existent" not found in workflow "my-workflow"/ },
  { when: /"gemini-2\.5-flash", "Summarize/, namesFrom: "google.ts" },
];

/** Names that cost a server: their modules are opened by the blocks that use them, not to see what they export. */
export const namesOfServers: Readonly<Record<string, readonly string[]>> = {
  "google.ts": ["aiCallLogger"],
  "prisma-sqlite.ts": ["prisma"],
  "prisma.ts": ["prisma", "createPrismaWorkflowPersistence", "createPrismaJobQueue", "createPrismaAICallLogger"],
};
