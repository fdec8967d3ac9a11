// Topics of model calls: dot-separated, matched by whole segments. A topic of the form `workflow.{runId}.stage.{stageId}` says whose
// money a call spends, also when whoever made it wired the topic by hand.

/** The run and stage that a topic names; null where it names none. */
export interface TopicOrigin {
  runId: string | null;
  stageId: string | null;
}

const runPrefix = "workflow.";
const stageMark = ".stage.";

/** True for the topic itself and for every topic below it; the empty prefix is above all. */
export function isBelowTopic(topic: string, prefix: string): boolean {
  return prefix === "" || topic === prefix || topic.startsWith(`${prefix}.`);
}

/** Reads run and stage off a topic. Without a stage the run's id ends at the first dot. */
export function originOfTopic(topic: string): TopicOrigin {
  if (!topic.startsWith(runPrefix)) return { runId: null, stageId: null };
  const rest = topic.slice(runPrefix.length);
  const at = rest.indexOf(stageMark);
  if (at > 0) return { runId: rest.slice(0, at), stageId: firstSegment(rest.slice(at + stageMark.length)) };
  return { runId: firstSegment(rest), stageId: null };
}

function firstSegment(text: string): string | null {
  const end = text.indexOf(".");
  const segment = end < 0 ? text : text.slice(0, end);
  return segment === "" ? null : segment;
}
