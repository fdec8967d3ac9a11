// The version of a workflow: a short text that changes when its declared shape changes (stage ids, edges, schemas) and stays
// the same across processes, machines and prose: names, descriptions and default values do not count, since a default may be
// computed anew each time. A fingerprint is an identity of a shape, no protection against forgery.

import { z } from "zod";

/** Returns the 53-bit cyrb53 hash of a text as 14 hex digits (bryc, "cyrb53", public domain). */
export function hashText(text: string): string {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 2654435761);
    high = Math.imul(high ^ code, 1597334677);
  }
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  return (4294967296 * (2097151 & high) + (low >>> 0)).toString(16).padStart(14, "0");
}

/** Returns JSON with the keys of every object sorted, so that equal values give equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : part,
  );
}

const PROSE = ["default", "description", "title", "examples", "deprecated", "$schema"];

/** Returns the fingerprint of what a schema accepts; a schema that JSON Schema cannot express counts by its kind alone. */
export function fingerprintSchema(schema: z.ZodType): string {
  return hashText(canonicalJson(shapeOf(schema)));
}

function shapeOf(schema: z.ZodType): unknown {
  try {
    const shape = z.toJSONSchema(schema, {
      io: "input",
      unrepresentable: "any",
      override: ({ zodSchema, jsonSchema }) => {
        for (const key of PROSE) delete jsonSchema[key];
        // Kinds without a JSON form (dates, bigints, ...) come out empty and would all look alike.
        if (Object.keys(jsonSchema).length === 0) jsonSchema["$comment"] = zodSchema._zod.def.type;
      },
    });
    delete shape["$schema"];
    return shape;
  } catch {
    return { $comment: schema._zod.def.type };
  }
}
