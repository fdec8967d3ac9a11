// Classifies reviews in an OpenAI batch. The stage reads top to bottom: ask, wait for hours, go on with the results.
import { defineAsyncBatchStage, defineStage, defineWorkflow } from "@bratsos/workflow-engine";
import { z } from "zod";

const Review = z.object({ id: z.string(), text: z.string() });
const Verdict = z.object({ mood: z.enum(["happy", "angry"]), topic: z.string() });
const Classified = z.array(z.object({ id: z.string(), verdict: Verdict.nullable() }));

const everyQuarter = 15 * 60_000;

const classify = defineAsyncBatchStage({
  id: "classify",
  name: "Classify reviews",
  mode: "async-batch",
  schemas: { input: z.object({ reviews: z.array(Review) }), output: Classified, config: z.object({}) },
  async execute(ctx) {
    const requests = ctx.input.reviews.map(({ id, text }) => ({
      id,
      prompt: `Which mood is this review in, and what is it about?\n\n${text}`,
      schema: Verdict,
      maxTokens: 200,
    }));
    const batches = ctx.ai.batch("gpt-4.1-mini");

    const night = await batches.run(requests, { pollInterval: everyQuarter });
    if (night.suspended) return night;
    const done = night.results.filter((result) => result.status === "succeeded");

    const open = new Set(night.results.filter((result) => result.status === "failed").map(({ id }) => id));
    if (open.size > 0) {
      ctx.log("WARN", `${open.size} reviews are asked again`);
      const again = await batches.run(
        requests.filter(({ id }) => open.has(id)),
        { name: "again", pollInterval: everyQuarter },
      );
      if (again.suspended) return again;
      done.push(...again.results.filter((result) => result.status === "succeeded"));
    }

    const verdicts = new Map(done.map(({ id, value }) => [id, value]));
    return { output: ctx.input.reviews.map(({ id }) => ({ id, verdict: verdicts.get(id) ?? null })) };
  },
});

const count = defineStage({
  id: "count",
  name: "Count moods",
  schemas: { input: Classified, output: z.object({ happy: z.number(), angry: z.number(), unknown: z.number() }), config: z.object({}) },
  execute({ input }) {
    const of = (mood: string): number => input.filter(({ verdict }) => verdict?.mood === mood).length;
    return { output: { happy: of("happy"), angry: of("angry"), unknown: input.filter(({ verdict }) => verdict === null).length } };
  },
});

/** The workflow. */
export const overnight = defineWorkflow({ id: "overnight", name: "Overnight reviews", input: z.object({ reviews: z.array(Review) }) })
  .pipe(classify)
  .pipe(count)
  .build();
