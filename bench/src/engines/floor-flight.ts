// A run under way in a floor: its stages run here, whatever database their results go to.
import type { Shape } from "./engine.ts";

/** A run and what has become of it. */
export interface Flight {
  run: { id: string; shape: Shape };
  /** Stages whose results are written. */
  done: number;
  value: number;
  /** Results that are not written yet. */
  outputs: number[];
}

/** Runs the next stage, or all of a fan's. */
export async function runNext(flight: Flight): Promise<Flight> {
  if (flight.run.shape.kind === "fan") {
    flight.outputs = await Promise.all(Array.from({ length: flight.run.shape.stages }, () => addOne(0)));
  } else {
    flight.value = await addOne(flight.value);
    flight.outputs = [flight.value];
  }
  return flight;
}

/** The run's result, when its last stages have run. */
export function outputsOf({ run, outputs, value }: Flight): unknown {
  return run.shape.kind === "fan" ? outputs.map((n) => ({ n })) : { n: value };
}

async function addOne(n: number): Promise<number> {
  return n + 1;
}
