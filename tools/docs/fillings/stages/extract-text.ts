// The stage that a page declares in one block and imports in another.
import { defineStage } from "@bratsos/workflow-engine";
import { z } from "zod";

export const extractTextStage = defineStage({
  id: "extract-text",
  name: "Extract Text",
  schemas: {
    input: z.object({ url: z.string().url() }),
    output: z.object({ text: z.string(), wordCount: z.number() }),
    config: z.object({ maxLength: z.number().default(50000) }),
  },
  execute: async ({ input, config }) => ({ output: { text: input.url.slice(0, config.maxLength), wordCount: 1 } }),
});
