// Entry `@bratsos/workflow-engine/testing`: a kernel for tests of workflows, the in-memory adapters, and the conformance suites as data,
// for any runner or none, so that people's own stores can be held to the same promises.

export {
  CollectingEventSink,
  createFakeEnvironment,
  FakeClock,
  type FakeEnvironment,
  InMemoryBlobStore,
  NoopScheduler,
} from "../kernel/testing/index.ts";
export { type CallMatcher, InMemoryAICallLogger } from "../memory/memory-ai-call-logger.ts";
export { InMemoryJobQueue, type MemoryJobQueueOptions } from "../memory/memory-job-queue.ts";
export { InMemoryWorkflowPersistence } from "../memory/memory-persistence.ts";
export type { MemoryPersistenceOptions } from "../memory/memory-records.ts";
export { createMemoryStore, type MemoryStore } from "../memory/memory-store.ts";
export { type MockBatch, type MockBatchOptions, MockBatchProvider } from "./ai/mock-batches.ts";
export { createMockAIHelper, type MockAIHelper } from "./ai/mock-helper.ts";
export { createMockProvider, type MockAnswer, type MockProvider, type MockRequest, type MockScript } from "./ai/mock-provider.ts";
export { createRecordedProvider, type RecordedProvider, type RecordedProviderOptions, type RecordingMode } from "./ai/recorded-provider.ts";
export type {
  Bench,
  BenchKernelOptions,
  BenchSource,
  BenchStore,
  Capability,
  DriveOptions,
  DriverName,
  OpenedStore,
} from "./bench.ts";
export { bindSuite, reasonToSkip, runCase, type TestRunner } from "./bind.ts";
export { ClaimError } from "./claims.ts";
export { createTestKernel, type TestKernel, type TestKernelOptions, type TestRunCommand, type TestRunEnd } from "./create-test-kernel.ts";
export { FaultPlan, type FaultTime, type FaultyPorts, faulty, InjectedFault, type PortCall } from "./faults.ts";
export { type LoopHost, startHost } from "./loop-host.ts";
export { createBench } from "./open-bench.ts";
export {
  BatchDesk,
  type BatchDeskOptions,
  type BatchItem,
  type Hook as BatchHook,
  type ItemPlan,
  type ServedBatch,
} from "./providers/batches/batch-desk.ts";
export { type BatchServer, startBatchServer } from "./providers/batches/batch-server.ts";
export type { BilledCall, ExtraRoute, ModelRequest, Plan, PlannedAnswer, ReceivedRequest, Reply } from "./providers/protocol.ts";
export { echo, type ProviderServer, type ProviderServerOptions, startProviderServer } from "./providers/provider-server.ts";
export { type RequestWatch, watchRequests } from "./providers/quiet.ts";
export { type FaultKind, faultKinds } from "./simulate/choices.ts";
export type { SimulatedClient } from "./simulate/client-process.ts";
export type { SimulatedHistory, SimulatedRun } from "./simulate/finished-history.ts";
export type { InvariantAnswer } from "./simulate/invariant.ts";
export type { ClientAnswer, OutsideCall, SimulatedDelivery, SimulatedExecution } from "./simulate/sightings.ts";
export { type SimulateOptions, SimulationError, type SimulationReport, simulate } from "./simulate/simulate.ts";
export type { SimulatedStore, StoreName, StoreSource } from "./simulate/simulated-store.ts";
export type { SimulatedCode } from "./simulate/watched-workflow.ts";
export type { CaseOptions, PromiseId, Suite, SuiteCase } from "./suite.ts";
export { allSuites, portSuites, promiseSuites } from "./suites/index.ts";
