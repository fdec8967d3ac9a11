// What may happen to runs and stages, in as few words as possible: a reference to compare the engine with, command by command, on every
// store. It knows one workflow and plain commands; who is slow, dies or comes twice is what the simulation is for.

/** How the code of a stage ends when it is asked next. */
export type CodeEnd = "returns" | "throws" | "waits";

/** What a look at a waiting stage answers. */
export type LookEnd = "not yet" | "ready" | "go on" | "gone wrong";

/** One command, as data. `run` is the place of a run in order of creation. */
export type Step =
  | { do: "create"; key: string; priority: number }
  | { do: "claim"; max: number }
  | { do: "execute"; run: number; stage: string; end: CodeEnd }
  | { do: "transition"; run: number }
  | { do: "cancel"; run: number }
  | { do: "rerun"; run: number; stage: string }
  | { do: "poll"; end: LookEnd }
  | { do: "repair" }
  | { do: "delete"; run: number };

/** What a command answers, in words that hold for every store. */
export type Answer = string;

interface ModelStage {
  group: number;
  status: string;
}

interface ModelRun {
  priority: number;
  status: string;
  group: number;
  stages: Map<string, ModelStage>;
  events: string[];
}

/** Ids of the stages of each group of the workflow; `w` waits for something outside. */
export const groups: readonly (readonly string[])[] = [["a"], ["b", "w"], ["c"]];

const hasEnded = (status: string): boolean => status === "COMPLETED" || status === "FAILED" || status === "CANCELLED";

const groupOf = (stageId: string): number => groups.findIndex((ids) => ids.includes(stageId)) + 1;

/** Runs, as they should be. */
export class ReferenceModel {
  /** In order of creation; null once deleted. */
  readonly #runs: Array<ModelRun | null> = [];
  readonly #keys = new Map<string, { run: number; priority: number }>();

  /** How many runs were ever created. */
  get size(): number {
    return this.#runs.length;
  }

  /** What is so now: of each run its status, its stages', and its events. */
  get state(): unknown {
    return this.#runs.map((run) => {
      const stages = [...(run?.stages ?? [])].map(([id, stage]) => `${id} ${stage.status}`).sort();
      return run && { status: run.status, stages, events: run.events };
    });
  }

  /** Carries out a command; answers what the engine should. */
  apply(step: Step): Answer {
    if (step.do === "create") return this.#create(step.key, step.priority);
    if (step.do === "claim") return this.#claim(step.max);
    if (step.do === "poll") return this.#poll(step.end);
    if (step.do === "repair") return this.#repair();
    const run = this.#runs[step.run];
    if (step.do === "delete") return this.#delete(step.run);
    if (!run) return step.do === "transition" ? "noop" : "RUN_NOT_FOUND";
    if (step.do === "execute") return this.#execute(run, step.stage, step.end);
    if (step.do === "transition") return this.#transition(run);
    return step.do === "cancel" ? this.#cancel(run) : this.#rerun(run, step.stage);
  }

  #create(key: string, priority: number): Answer {
    const known = this.#keys.get(key);
    if (known) return known.priority === priority ? `run ${known.run}` : "IDEMPOTENCY_CONFLICT";
    const run = this.#runs.length;
    this.#keys.set(key, { run, priority });
    this.#runs.push({ priority, status: "PENDING", group: 0, stages: new Map(), events: ["workflow:created"] });
    return `run ${run}`;
  }

  #claim(max: number): Answer {
    const waiting = this.#runs.flatMap((run, index) => (run?.status === "PENDING" ? [{ run, index }] : []));
    const first = waiting.sort((a, b) => b.run.priority - a.run.priority || a.index - b.index).slice(0, max);
    for (const { run } of first) {
      run.status = "RUNNING";
      run.events.push("workflow:started");
      this.#open(run, 1);
    }
    return `claimed ${first.map(({ index }) => index).join(" ")}`;
  }

  #execute(run: ModelRun, stageId: string, end: CodeEnd): Answer {
    const stage = run.stages.get(stageId);
    if (stage?.status === "COMPLETED") return "completed";
    if (run.status !== "RUNNING" || !stage) return "refused";
    if (stage.status === "SUSPENDED") return "suspended";
    if (stage.status !== "PENDING" && stage.status !== "FAILED") return "refused";
    run.events.push(`stage:started ${stageId}`);
    if (end === "throws") return this.#fail(run, stageId);
    if (end === "waits" && stageId === "w") {
      stage.status = "SUSPENDED";
      run.events.push(`stage:suspended ${stageId}`);
      this.#tellWhenAllWait(run);
      return "suspended";
    }
    return this.#complete(run, stageId);
  }

  #complete(run: ModelRun, stageId: string): Answer {
    const stage = run.stages.get(stageId)!;
    const waited = stage.status === "SUSPENDED";
    stage.status = "COMPLETED";
    run.events.push(`stage:completed ${stageId}`);
    if (!waited) this.#tellWhenAllWait(run);
    return "completed";
  }

  #fail(run: ModelRun, stageId: string): Answer {
    run.stages.get(stageId)!.status = "FAILED";
    run.events.push(`stage:failed ${stageId}`);
    return "failed";
  }

  #transition(run: ModelRun): Answer {
    if (run.status !== "RUNNING") return "noop";
    const stages = [...run.stages.values()].filter(({ group }) => group === run.group);
    if (stages.some(({ status }) => status === "FAILED")) {
      this.#end(run, "FAILED");
      return "failed";
    }
    if (stages.some(({ status }) => !hasEnded(status))) return "noop";
    if (run.group === groups.length) {
      this.#end(run, "COMPLETED");
      return "completed";
    }
    this.#open(run, run.group + 1);
    return "advanced";
  }

  #cancel(run: ModelRun): Answer {
    if (hasEnded(run.status)) return "not cancelled";
    this.#end(run, "CANCELLED");
    return "cancelled";
  }

  #rerun(run: ModelRun, stageId: string): Answer {
    if (!hasEnded(run.status)) return "RUN_STATE";
    const target = groupOf(stageId);
    const earlier = groups.slice(0, target - 1).flat();
    if (earlier.some((id) => run.stages.get(id)?.status !== "COMPLETED")) return "RUN_STATE";
    const dropped = [...run.stages].flatMap(([id, { group }]) => (group >= target ? [id] : []));
    for (const id of dropped) run.stages.delete(id);
    run.status = "RUNNING";
    run.events.push("workflow:rerun");
    this.#open(run, target);
    return `dropped ${dropped.sort().join(" ")}`;
  }

  #poll(end: LookEnd): Answer {
    const waiting = this.#runs.filter((run) => run?.status === "RUNNING" && run.stages.get("w")?.status === "SUSPENDED");
    for (const run of waiting) {
      if (end === "ready") this.#complete(run!, "w");
      if (end === "gone wrong") this.#fail(run!, "w");
      if (end === "go on") run!.stages.get("w")!.status = "PENDING";
    }
    const moved = end === "ready" || end === "go on" ? waiting.length : 0;
    return `looked at ${waiting.length}, resumed ${moved}, failed ${end === "gone wrong" ? waiting.length : 0}`;
  }

  #repair(): Answer {
    const answers = this.#runs.map((run) => (run ? this.#transition(run) : "noop"));
    const moved = answers.filter((answer) => answer === "advanced" || answer === "completed").length;
    return `moved ${moved}, failed ${answers.filter((answer) => answer === "failed").length}`;
  }

  #delete(index: number): Answer {
    const run = this.#runs[index];
    if (!run) return "not deleted";
    if (!hasEnded(run.status)) return "RUN_STATE";
    this.#runs[index] = null;
    return "deleted";
  }

  #open(run: ModelRun, group: number): void {
    run.group = group;
    for (const id of groups[group - 1]!) run.stages.set(id, { group, status: "PENDING" });
  }

  #end(run: ModelRun, status: "COMPLETED" | "FAILED" | "CANCELLED"): void {
    run.status = status;
    run.events.push(`workflow:${status.toLowerCase()}`);
    for (const stage of run.stages.values()) if (!hasEnded(stage.status)) stage.status = "CANCELLED";
  }

  #tellWhenAllWait(run: ModelRun): void {
    const open = [...run.stages.values()].filter(({ group, status }) => group === run.group && !hasEnded(status));
    if (open.length > 0 && open.every(({ status }) => status === "SUSPENDED")) run.events.push("workflow:suspended");
  }
}
