// One call of a helper under way, as the code of each kind of call sees it.
import type { ModelConfig } from "../models/index.ts";
import type { MeterContext, MeteredCall } from "./call-meter.ts";
import type { Usage } from "./helper-types.ts";

/** One call under way: the model of the AI SDK, metered, and what its requests have used so far. */
export interface PreparedCall {
  readonly model: ModelConfig & { key: string };
  readonly metered: MeteredCall;
  readonly context: MeterContext;
  /** The AI SDK's model. */
  resolve(kind: "language" | "embedding", wanted?: { dimensions?: number | undefined }): Promise<unknown>;
  usage(): Usage;
}
