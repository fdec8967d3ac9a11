// Stage ids as constants and as checked text.

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { WorkflowBuilder } from "./builder.ts";
import { defineStage } from "./stage.ts";
import { assertValidStageId, createStageIds, defineStageIds, isValidStageId } from "./stage-ids.ts";

const Empty = z.object({});
const stage = <TId extends string>(id: TId) =>
  defineStage({ id, name: id, schemas: { input: "none", output: Empty, config: Empty }, execute: () => ({ output: {} }) });
const workflow = new WorkflowBuilder("w", "W", "", Empty, Empty).pipe(stage("extract-text")).pipe(stage("b")).build();

describe("stage ids", () => {
  it("are constants under SCREAMING_SNAKE keys", () => {
    expect(createStageIds(workflow)).toEqual({ EXTRACT_TEXT: "extract-text", B: "b" });
    const ids = defineStageIds(["a-b", "extractText", "v2Stage", "x.y/z:1", "HTTP", "under_score"]);
    expect(ids).toEqual({
      A_B: "a-b",
      EXTRACT_TEXT: "extractText",
      V2_STAGE: "v2Stage",
      X_Y_Z_1: "x.y/z:1",
      HTTP: "HTTP",
      UNDER_SCORE: "under_score",
    });
    // The types agree with the values: each of these would not compile otherwise.
    const typed = [ids.A_B, ids.EXTRACT_TEXT, ids.V2_STAGE, ids.X_Y_Z_1, ids.HTTP, ids.UNDER_SCORE];
    expect(typed).toEqual(Object.values(ids));
  });

  it("must not share a key", () => {
    expect(() => defineStageIds(["a-b", "a_b"])).toThrow('Stage ids "a-b" and "a_b" share the key A_B');
  });

  it("are checked against a workflow", () => {
    expect([isValidStageId(workflow, "b"), isValidStageId(workflow, "x")]).toEqual([true, false]);
    expect(() => assertValidStageId(workflow, "b")).not.toThrow();
    expect(() => assertValidStageId(workflow, "x")).toThrow('Invalid stage ID: "x". Valid stage IDs for workflow "w": extract-text, b');
    expect(() => assertValidStageId(workflow, "x")).toThrow(expect.objectContaining({ code: "INVALID_STAGE_ID" }));
  });
});
