// What a measured engine offers: open a store in a folder, start runs, let one worker work, say when runs have ended. Everything
// a scenario knows of an engine is here, so that no scenario favours one.

/** What a run is made of: trivial stages one after another, or all at once. */
export type Shape = { kind: "sequence"; stages: number } | { kind: "fan"; stages: number };

/** The run most scenarios are made of, and the only one of engines that keep jobs. */
export const threeStages: Shape = { kind: "sequence", stages: 3 };

/** Where an engine keeps its rows. */
export type StoreName = "memory" | "sqlite" | "postgres";

/** What an engine keeps: runs of stages with their results, or bare jobs that know nothing of each other (three of them are a run). */
export type EngineKind = "workflows" | "jobs";

/** An engine with its settings. */
export interface Engine {
  name: string;
  store: StoreName;
  kind: EngineKind;
  version: string;
  /** The settings that matter, and where they come from, in one line. */
  settings: string;
  /** Share of a scenario's count this engine is given, so that a slow one does not take all the time. */
  share: number;
  /** Stages a run may have at most; no limit when absent. */
  maxStages?: number;
  /** True when workers are processes of their own, so that there may be several. */
  hasProcesses: boolean;
  open(options: { folder: string; shapes: readonly Shape[]; isCounting: boolean }): Promise<Bench>;
}

/** What processes other than the measuring one have used since they started: a name with its unit (`WAL bytes`) and a sum. */
export type Usage = Readonly<Record<string, number>>;

/** One opened store with its worker, not yet working. */
export interface Bench {
  /** Starts a run; resolves when the start is durable. Each stage adds one to the number it is given, the first is given 0. */
  start(shape: Shape): Promise<void>;
  /** Starts worker processes that wait for `work`; absent when the worker is this process. */
  hire?(workers: number): Promise<void>;
  /** Ends the worker processes in order. Absent where `hire` is. */
  dismiss?(): Promise<void>;
  /** Starts the worker: those hired, else one. */
  work(): Promise<void>;
  /** Stops the idle worker processes where they stand; absent when the worker is this process. */
  halt?(): Promise<void>;
  /** Lets halted worker processes go on. Absent where `halt` is. */
  goOn?(): void;
  /** Resolves as soon as this process knows that `total` runs have ended since the store was opened, their commits included. */
  ended(total: number): Promise<void>;
  /** Runs the store says have completed. */
  countCompleted(): Promise<number>;
  /** What others have used so far; absent when all happens in this process. */
  usage?(): Promise<Usage>;
  /** Ends workers and database server as a crash does, and starts everything again; absent when all happens in this process. */
  restart?(): Promise<void>;
  /** Stops the worker and closes the store. */
  close(): Promise<void>;
}

/** Name of a shape, unique among shapes. */
export function shapeId({ kind, stages }: Shape): string {
  return `${kind}-${stages}`;
}
