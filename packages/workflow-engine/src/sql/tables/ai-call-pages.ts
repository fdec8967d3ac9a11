// Model calls as they are paged through, by id: those of a run, below a topic, or open. A topic that is above few is found by its index
// and sorted; one that is above many is met often enough along all calls.
import { forOne, type Statement } from "../dialect.ts";
import { callColumns } from "./ai-calls.ts";

const page = { run_id: "text", topic: "text", first: "text", last: "text", status: "text", after: "text", max: "limit" } as const;

function listing(name: string, where: (p: Record<keyof typeof page, string>, topic: string) => string): Statement {
  return forOne(name, page, (p, dialect) => {
    const bytewise = dialect.name === "sqlite" ? "" : ` COLLATE "C"`;
    // every parameter is named, because each dialect binds them all
    return `SELECT ${callColumns} FROM ai_calls c WHERE ${where(p, `c.topic${bytewise}`)} AND c.id > ${p.after}
      AND (${p.status} = '' OR c.status = ${p.status}) AND (${p.topic} = '' OR c.topic = ${p.topic}
        OR (c.topic${bytewise} >= ${p.first} AND c.topic${bytewise} < ${p.last})) ORDER BY c.id LIMIT ${p.max}`;
  });
}

/** Calls of one run. */
export const listCallsOfRun = listing("list_ai_calls_of_run", (p) => `c.run_id = ${p.run_id}`);
/** Calls below a topic; an empty one is above all. For topics above many calls: it goes along all that there are. */
export const listCallsBelow = listing("list_ai_calls_below", (p) => `${p.run_id} = ''`);

const ofTopic = { topic: "text", first: "text", last: "text" } as const;
const isBelow = (p: Record<"first" | "last", string>): string => `c.topic >= ${p.first} AND c.topic < ${p.last}`;

/** One row when a topic is above more calls than are to be read and sorted for a page of them. */
export const findManyBelow = forOne("find_many_ai_calls_below", { ...ofTopic, most: "limit" }, (p) => {
  return `SELECT 1 FROM (SELECT 1 FROM ai_calls c WHERE c.topic = ${p.topic} UNION ALL
    SELECT 1 FROM ai_calls c WHERE ${isBelow(p)}) AS below LIMIT 1 OFFSET ${p.most}`;
});

/** Calls below a topic that is above few. */
export const listFewCallsBelow = forOne("list_few_ai_calls_below", { ...ofTopic, status: "text", after: "text", max: "limit" }, (p) => {
  const isWanted = `c.id > ${p.after} AND (${p.status} = '' OR c.status = ${p.status})`;
  return `SELECT * FROM (SELECT ${callColumns} FROM ai_calls c WHERE c.topic = ${p.topic} AND ${isWanted} UNION ALL
    SELECT ${callColumns} FROM ai_calls c WHERE ${isBelow(p)} AND ${isWanted}) AS below ORDER BY id LIMIT ${p.max}`;
});
/** Calls that nobody has closed. */
export const listOpenCalls = listing("list_open_ai_calls", (p) => `c.status = 'open' AND (${p.run_id} = '' OR c.run_id = ${p.run_id})`);
