// The values of enums as a client takes them: a schema may keep a status as text or as an enum, and a client may bring its own objects.
import { WorkflowEngineError } from "../errors.ts";
import type { ArtifactType, LogLevel, Status } from "../ports/status.ts";
import type { PrismaClientLike } from "./client.ts";

const known = {
  Status: ["PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "FAILED", "CANCELLED", "SKIPPED"],
  LogLevel: ["DEBUG", "INFO", "WARN", "ERROR"],
  ArtifactType: ["STAGE_OUTPUT", "ARTIFACT", "METADATA"],
} as const;

/** Gives each value as the client's own enum has it; a value that there is none of is INVALID_INPUT. */
export interface EnumHelper {
  status(value: Status): string;
  logLevel(value: LogLevel): string;
  artifactType(value: ArtifactType): string;
}

/** Creates the helper for a client; where the client has no enum of a name, values are plain text. */
export function createEnumHelper(prisma: PrismaClientLike): EnumHelper {
  const enums = (prisma as { $Enums?: Record<string, Record<string, string> | undefined> }).$Enums;
  const resolve = (name: keyof typeof known, value: string): string => {
    if ((known[name] as readonly string[]).includes(value)) return enums?.[name]?.[value] ?? value;
    throw new WorkflowEngineError("INVALID_INPUT", `"${value}" is no ${name}. There are ${known[name].join(", ")}.`);
  };
  return {
    status: (value) => resolve("Status", value),
    logLevel: (value) => resolve("LogLevel", value),
    artifactType: (value) => resolve("ArtifactType", value),
  };
}
