// Every port type in one place, for the public entries.
export type * from "./blob-store.ts";
export { isBlobReference } from "./blob-store.ts";
export type * from "./environment.ts";
export type * from "./event.ts";
export type * from "./event-sink.ts";
export type * from "./job.ts";
export type * from "./job-transport.ts";
export type * from "./ledger.ts";
export type * from "./log.ts";
export type * from "./outbox.ts";
export type * from "./persistence.ts";
export type * from "./reader.ts";
export type * from "./registry.ts";
export type * from "./run.ts";
export type * from "./scheduler.ts";
export type * from "./stage.ts";
export type * from "./status.ts";
export type * from "./store.ts";
