// Starts many runs, in order, with a given number in flight.
import type { Bench, Shape } from "../engines/engine.ts";

/** Starts `count` runs of a shape, `inFlight` at a time; resolves when all are durable. */
export async function startMany(bench: Bench, shape: Shape, count: number, inFlight: number): Promise<void> {
  let left = count;
  const startNext = async (): Promise<void> => {
    while (left > 0) {
      left--;
      await bench.start(shape);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, startNext));
}
