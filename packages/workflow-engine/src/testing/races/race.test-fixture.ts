// One race: a run in a situation, rivals that send two commands all at once, and what must be so whoever was first. The oracle is the
// history of the door: it must be one that could have gone one by one.
import { randomUUID } from "node:crypto";
import { errorCodeOf } from "../../errors.ts";
import type { CommandType } from "../../kernel/commands/command.ts";
import type { OutboxRecord } from "../../ports/outbox.ts";
import { eventsFollowTheWorkflow } from "../simulate/event-invariants.ts";
import { eventLabel, noRows, readRows } from "./door-history.test-fixture.ts";
import type { Ground } from "./ground.test-fixture.ts";
import { commands, finish, type Making, racedWorkflow, situations } from "./situations.test-fixture.ts";

/** What races, where. */
export interface Race {
  readonly situation: string;
  readonly first: CommandType;
  readonly second: CommandType;
}

/** What the rivals were answered, by command. */
type Answers = Map<CommandType, unknown[]>;

/** What a command may be told when somebody else was faster. */
const refusals: ReadonlySet<unknown> = new Set(["RUN_NOT_FOUND", "RUN_STATE"]);

/** Runs a race; rejects with what is wrong. Answers how many rivals were refused for good reasons. */
export async function runRace(ground: Ground, race: Race, rivals: number): Promise<number> {
  const { history, kernels, ghost, observer, pass } = ground;
  await ground.clear();
  history.forget();
  ground.told.length = 0;
  ground.refusals.length = 0;
  const making: Making = { runId: randomUUID(), kernel: kernels[0]!, ghost, pass };
  try {
    await situations[race.situation]!(making);
    const before = history.length;
    const acting = making.meanwhile?.();
    const { answers, refused } = await sendAll(ground, race, making.runId, rivals);
    await acting;
    const happened = history.eventsFrom(before);
    const isThere = (await readRows(observer.runStore, making.runId)).run !== null;
    assertAnswers(answers, happened, isThere);
    await finish(making.runId, making, () => observer.persistence.getRunStatus(making.runId));
    for (let n = 0; n < 2; n++) await making.kernel.dispatch({ type: "outbox.flush", maxEvents: 1_000 });
    await assertEnd(ground, making.runId, answers);
    return refused;
  } catch (error) {
    const what = `${race.first} against ${race.second}, of a run ${race.situation}`;
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function sendAll(ground: Ground, race: Race, runId: string, rivals: number): Promise<{ answers: Answers; refused: number }> {
  const { kernels } = ground;
  const types = Array.from({ length: rivals }, (_, n) => (n % 2 === 0 ? race.first : race.second));
  const sent = types.map((type, n) => {
    // of two processes each sends both commands
    const kernel = kernels[kernels.length > 2 ? n % kernels.length : (n >> 1) % kernels.length]!;
    return kernel.dispatch(commands[type](runId, n >> 1, race.situation));
  });
  const ends = await Promise.allSettled(sent);
  const answers: Answers = new Map([
    [race.first, []],
    [race.second, []],
  ]);
  let refused = 0;
  ends.forEach((end, n) => {
    if (end.status === "fulfilled") answers.get(types[n]!)!.push(end.value);
    else if (refusals.has(errorCodeOf(end.reason))) refused += 1;
    else throw end.reason;
  });
  return { answers, refused };
}

/** What was answered is what happened, once. */
function assertAnswers(answers: Answers, happened: readonly string[], isThere: boolean): void {
  const of = <T>(type: CommandType): T[] => (answers.get(type) ?? []) as T[];
  const times = (event: string): number => happened.filter((each) => each === event).length;
  const assertTimes = (type: CommandType, answered: number, event: string): void => {
    if (answers.has(type) && answered !== times(event)) {
      throw new Error(`${answered} of the answers to ${type} say that it was done, and ${event} was told ${times(event)} times`);
    }
  };
  const claimed = of<{ claimed: unknown[] }>("run.claimPending").reduce((sum, answer) => sum + answer.claimed.length, 0);
  assertTimes("run.claimPending", claimed, "workflow:started");
  assertTimes("run.cancel", of<{ cancelled: boolean }>("run.cancel").filter((answer) => answer.cancelled).length, "workflow:cancelled");
  assertTimes("run.rerunFrom", of("run.rerunFrom").length, "workflow:rerun");
  assertTimes("budget.raise", of("budget.raise").length, "budget:raised");
  const deleted = of<{ deleted: boolean }>("run.delete").filter((answer) => answer.deleted).length;
  if (deleted > 1 || (deleted === 1 && isThere)) throw new Error(`run.delete was answered ${deleted} times that the run was deleted`);
  const created = new Set(of<{ workflowRunId: string }>("run.create").map(({ workflowRunId }) => workflowRunId));
  if (created.size > 1) throw new Error(`run.create made ${created.size} runs of one key`);
}

/** The rows are those that the history makes, and everything was told once, in order. */
async function assertEnd({ history, observer, told, refusals: tries }: Ground, runId: string, answers: Answers): Promise<void> {
  const rows = await readRows(observer.runStore, runId);
  const events = history.replay(runId, noRows, rows);
  const ids = told.map(({ eventId }) => eventId);
  if (new Set(ids).size !== ids.length) throw new Error(`of ${ids.length} events told some were told twice`);
  const stored = await observer.reader.listEvents(runId, 0, 1_000);
  if (!rows.run) {
    if (stored.length > 0) throw new Error(`run ${runId} was deleted, and ${stored.length} of its events are there`);
    return;
  }
  assertEvents(stored, events, ids);
  const [run, stages] = [await observer.persistence.getRun(runId), await observer.persistence.getStagesByRun(runId)];
  const problem = eventsFollowTheWorkflow({ stored, events: [], run: run!, stages }, { workflow: racedWorkflow, hasEnded: true });
  if (problem !== null) throw new Error(`run ${runId} ${problem}`);
  const replayed = ((answers.get("plugin.replayDLQ") ?? []) as Array<{ replayed: number }>).reduce(
    (sum, answer) => sum + answer.replayed,
    0,
  );
  if (tries.length !== 1 + replayed) throw new Error(`${replayed} dead letters were replayed, and ${tries.length} deliveries of it tried`);
}

function assertEvents(stored: readonly OutboxRecord[], events: readonly string[], told: ReadonlyArray<string | undefined>): void {
  const labels = stored.map(({ eventType, payload }) =>
    eventLabel({ type: eventType, stageId: (payload as { stageId?: string }).stageId }),
  );
  if (labels.join() !== events.join()) throw new Error(`the store tells of ${labels.join()}, and what was committed is ${events.join()}`);
  const gap = stored.findIndex(({ sequence }, i) => sequence !== i + 1);
  if (gap >= 0) throw new Error(`event ${gap + 1} has sequence ${stored[gap]!.sequence}`);
  if (stored.map(({ id }) => id).join() !== told.join())
    throw new Error(`of ${stored.length} events ${told.length} were told, or out of order`);
}
