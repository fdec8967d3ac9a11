// The small schemas that requests are made of. Text that no database stores (NUL, lone surrogates) is refused at the door.
import { z } from "zod";

function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

/** Text that every store can keep. */
export const storableText = z.string().max(10_000).refine(isStorable, "holds a NUL character or a lone surrogate");

/** An id or a key: opaque, not empty. */
export const identifier = z.string().min(1).max(1_000).refine(isStorable, "holds a NUL character or a lone surrogate");

/** An instant, ISO 8601 with a time zone. */
export const instant = z.iso.datetime({ offset: true });

/** A whole number in an address. */
export function queryNumber(least: number, most: number): z.ZodType<number> {
  return z.coerce.number().int().min(least).max(most);
}

/** A page: how many, and after which. */
export const pageQuery = z.object({
  limit: queryNumber(1, 500).optional().describe("Rows at most; default 50."),
  cursor: z.string().min(1).max(2_000).optional().describe("The nextCursor of the page before."),
});

/** Status of a run or stage. */
export const statusSchema = z
  .enum(["PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "FAILED", "CANCELLED", "SKIPPED"])
  .meta({ id: "Status" });
