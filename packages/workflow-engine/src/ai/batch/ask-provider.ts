// Asks a provider something that may be asked again: trouble there is waited out, whatever it is, until the batch's time is over.
import { WorkflowEngineError } from "../../errors.ts";

/** A provider did not answer what it was asked; internal to this room. */
export class ProviderTrouble extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProviderTrouble";
  }
}

/** Asks; throws ProviderTrouble for whatever the provider's SDK throws, and our own errors as they are. */
export async function askProvider<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof WorkflowEngineError) throw error;
    throw new ProviderTrouble(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
