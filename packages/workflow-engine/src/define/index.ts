// The public surface of authoring. Rooms of the engine import the files themselves.

export * from "./builder.ts";
export * from "./config.ts";
export * from "./context.ts";
export * from "./outcome.ts";
export * from "./plan.ts";
export * from "./policy.ts";
export * from "./stage.ts";
export * from "./workflow.ts";
