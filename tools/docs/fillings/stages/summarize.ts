// The stage that a page imports and never shows.
import { defineStage } from "@bratsos/workflow-engine";
import { z } from "zod";

export const summarizeStage = defineStage({
  id: "summarize",
  name: "Summarize",
  schemas: { input: z.object({ text: z.string() }), output: z.object({ summary: z.string() }), config: z.object({}) },
  execute: async ({ input }) => ({ output: { summary: input.text.slice(0, 80) } }),
});
