// Plays the overnight batch and tells what happened when.
import { play } from "./play.ts";

const { run, events, server, hours, spentPico } = await play(200);
const begin = events[0]?.timestamp.getTime() ?? 0;
for (const event of events.filter(({ type }) => type !== "stage:progress")) {
  const at = ((event.timestamp.getTime() - begin) / 3_600_000).toFixed(2).padStart(6);
  console.log(`${at} h  ${event.type}${"stageId" in event ? `  ${event.stageId}` : ""}`);
}
console.log(`\n${run.status} after ${hours.toFixed(1)} hours of the fake clock`, run.output);
const sizes = server.batches.map(({ items }) => items.length).join(" and ");
console.log(`${server.batches.length} batches of ${sizes} requests, $${(Number(spentPico) / 1e12).toFixed(6)}`);
