// Stage ids as constants, so that a renamed stage breaks the compiler instead of a lookup. Keys are SCREAMING_SNAKE:
// "extract-text" and "extractText" are EXTRACT_TEXT.

import { WorkflowEngineError } from "../errors.ts";
import type { InferWorkflowStageIds } from "./infer.ts";
import type { AnyWorkflow } from "./workflow.ts";

type Separator = "-" | "_" | " " | "." | "/" | ":";

/** The SCREAMING_SNAKE form of an id. */
export type ScreamingSnake<
  TId extends string,
  TBefore extends "start" | "small" | "other" = "start",
  TDone extends string = "",
> = TId extends `${infer Letter}${infer Rest}`
  ? Letter extends Separator
    ? ScreamingSnake<Rest, "other", `${TDone}_`>
    : Letter extends Lowercase<Letter>
      ? ScreamingSnake<Rest, "small", `${TDone}${Uppercase<Letter>}`>
      : ScreamingSnake<Rest, "other", TBefore extends "small" ? `${TDone}_${Letter}` : `${TDone}${Letter}`>
  : TDone;

/** Stage ids under their SCREAMING_SNAKE keys. */
export type StageIdConstants<TId extends string> = { readonly [K in TId as ScreamingSnake<K>]: K };

/** Returns the ids of a list as constants; throws INVALID_DEFINITION when two ids share a key. */
export function defineStageIds<const TIds extends readonly string[]>(stageIds: TIds): StageIdConstants<TIds[number]> {
  const constants: Record<string, string> = {};
  for (const stageId of stageIds) {
    const key = screamingSnake(stageId);
    if (Object.hasOwn(constants, key) && constants[key] !== stageId) {
      throw new WorkflowEngineError("INVALID_DEFINITION", `Stage ids "${constants[key]}" and "${stageId}" share the key ${key}`);
    }
    constants[key] = stageId;
  }
  return Object.freeze(constants) as StageIdConstants<TIds[number]>;
}

function screamingSnake(stageId: string): string {
  return stageId
    .replace(/([^-_ ./:\p{Lu}])(\p{Lu})/gu, "$1_$2")
    .replace(/[- ./:]/g, "_")
    .toUpperCase();
}

/** Returns the stage ids of a workflow as constants; throws INVALID_DEFINITION when two ids share a key. */
export function createStageIds<W extends AnyWorkflow>(workflow: W): StageIdConstants<InferWorkflowStageIds<W>> {
  return defineStageIds(workflow.getStageIds()) as StageIdConstants<InferWorkflowStageIds<W>>;
}

/** Tells whether a workflow has a stage of that id. */
export function isValidStageId<W extends AnyWorkflow>(workflow: W, stageId: string): stageId is InferWorkflowStageIds<W> {
  return workflow.hasStage(stageId);
}

/** Throws INVALID_STAGE_ID, naming the valid ids, when a workflow has no stage of that id. */
export function assertValidStageId<W extends AnyWorkflow>(workflow: W, stageId: string): asserts stageId is InferWorkflowStageIds<W> {
  if (isValidStageId(workflow, stageId)) return;
  const known = workflow.getStageIds().join(", ") || "(none)";
  throw new WorkflowEngineError(
    "INVALID_STAGE_ID",
    `Invalid stage ID: "${stageId}". Valid stage IDs for workflow "${workflow.id}": ${known}`,
  );
}
