// What people who test their workflows import: a clock, a blob store, a sink and a scheduler they can look into.
export { InMemoryBlobStore } from "../../memory/memory-blob-store.ts";
export { CollectingEventSink } from "./collecting-event-sink.ts";
export { FakeClock } from "./fake-clock.ts";
export { createFakeEnvironment, type FakeEnvironment } from "./fake-environment.ts";
export { NoopScheduler } from "./noop-scheduler.ts";
