// plugin.replayDLQ: dead letters get fresh tries (P18).
import type { KernelParts } from "../execute/parts.ts";
import type { CommandMap, PluginReplayDLQCommand } from "./command.ts";
import { requireCount } from "./fields.ts";

/** Makes up to `maxEvents` dead letters deliverable again. */
export async function pluginReplayDLQ(
  parts: KernelParts,
  command: PluginReplayDLQCommand,
): Promise<CommandMap["plugin.replayDLQ"]["result"]> {
  return { replayed: await parts.store.replayDeadLetters(requireCount(command, "maxEvents", 100)) };
}
