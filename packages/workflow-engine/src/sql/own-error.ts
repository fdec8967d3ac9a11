// What a decision throws is the error of its unit alone: the batch goes on without it. Any other error ends the batch.
/** An error of one unit: it leaves the batch, which goes on. Any other error is the database's. */
export class Own extends Error {}

/** True for an error of one unit. */
export function isOwn(error: unknown): error is Own {
  return error instanceof Own;
}

/** Runs a step of a unit, whose error is its own. */
export function own<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw new Own("", { cause: error });
  }
}
