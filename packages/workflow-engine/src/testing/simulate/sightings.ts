// What was seen of a history from outside: code that ran, calls it made, events that were delivered, answers that clients got.
import type { KernelEvent } from "../../ports/event.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** User code of a stage that ran: an execution, or a look at a suspended stage. */
export interface SimulatedExecution {
  readonly kind: "execute" | "check";
  readonly runId: string;
  readonly stageId: string;
  /** Undefined for a look. */
  readonly executionId: string | undefined;
  readonly attempt: number;
  /** Label of the worker. */
  readonly worker: string;
  readonly process: SimulatedProcess;
  readonly input: unknown;
  /** Instants in milliseconds. */
  readonly startedAt: number;
  /** Null when it never ended: its worker died. */
  endedAt: number | null;
  /** When its signal aborted; null when it did not. */
  abortedAt: number | null;
  end: "completed" | "suspended" | "failed" | null;
  output: unknown;
  error: unknown;
}

/** A call that user code made to the outside, through `call` or to a model. */
export interface OutsideCall {
  readonly name: string;
  /** True for a request to a model. */
  readonly isModel: boolean;
  readonly worker: string;
  readonly at: number;
  /** False when the call was lost before it did anything. */
  wasDone: boolean;
  /** What a model's provider billed for it. */
  tokens: number;
}

/** An event handed to the sink. */
export interface SimulatedDelivery {
  readonly event: KernelEvent;
  readonly process: SimulatedProcess;
  readonly startedAt: number;
  endedAt: number | null;
  /** False when the sink refused it before it took it. */
  wasTaken: boolean;
}

/** An answer that a client got. */
export interface ClientAnswer {
  readonly command: string;
  readonly key: string | undefined;
  /** The run it named; undefined for run.create. */
  readonly runId: string | undefined;
  readonly result: unknown;
  readonly at: number;
}

/** Everything seen. */
export class Sightings {
  readonly executions: SimulatedExecution[] = [];
  readonly calls: OutsideCall[] = [];
  readonly deliveries: SimulatedDelivery[] = [];
  readonly answers: ClientAnswer[] = [];
  /** Runs whose counters were wrong when somebody looked, with what was wrong. */
  readonly miscounts: string[] = [];
}
