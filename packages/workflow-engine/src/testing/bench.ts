// What a case works on: one store under virtual time, kernels wired to it, and a way to open the same rows again, as another
// process would. Everything a case does goes through here, so that it holds for every store.
import type { KernelConfig } from "../defaults.ts";
import type { AnyWorkflow } from "../define/workflow.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { CollectingEventSink, FakeEnvironment, NoopScheduler } from "../kernel/testing/index.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { Environment } from "../ports/environment.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { AICallLogger } from "../ports/ledger.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { Reader } from "../ports/reader.ts";
import type { RunStore } from "../ports/store.ts";
import { fail } from "./claims.ts";

/** How a case drives the engine: by plain commands, as any scheduler can, or by the loops that long-lived hosts run. */
export type DriverName = "commands" | "host";

/** What a store may lack, each for a stated reason only (settled question 14). */
export type Capability =
  /** Has the read-only queries. */
  | "reader"
  /** Keeps model calls. */
  | "aiCallLogger"
  /** Keeps the ledger of model calls, with reservations and budgets. */
  | "ledger"
  /** Keeps every attempt. */
  | "attempts"
  /** Keeps a progress of its own for each consumer of events. */
  | "consumers"
  /** Shows progress and logs while a stage runs. */
  | "liveProgress"
  /** Tells this process of new work at once. */
  | "signals"
  /** Deletes runs. */
  | "deletes"
  /** Cleans up what has served its time: old events, used keys, blobs of lost executions. */
  | "retention"
  /** Keeps why a run failed. */
  | "runError"
  /** Keeps a start that lies in the future. */
  | "startAt"
  /** Fences writes to its own queue by attempt. */
  | "fence";

/** How far to drive. */
export interface DriveOptions {
  until: () => Promise<boolean> | boolean;
  /** Virtual milliseconds after which it is given up; default one hour. */
  maxMs?: number | undefined;
  /** Of plain commands: virtual milliseconds between two rounds; default 500. */
  stepMs?: number | undefined;
}

/** The parts of a store that suites look at. */
export interface BenchStore {
  persistence: Persistence;
  jobTransport: JobTransport;
  blobStore: BlobStore;
  /** The one door; of a CRUD store the one that `storeOver` derives. */
  runStore: RunStore;
  reader?: Reader | undefined;
  aiCallLogger?: AICallLogger | undefined;
  migrate?: (() => Promise<unknown>) | undefined;
  /** Of a remote store: resolves once none of its queries is under way; without it a read is taken to queue behind them. */
  quiet?: (() => Promise<void>) | undefined;
  close?: (() => Promise<void>) | undefined;
}

/** A store just opened, and how to open its rows again. */
export interface OpenedStore {
  store: BenchStore;
  /** Opens the same rows from another process; the same store again when absent. */
  reopen?: (() => Promise<BenchStore>) | undefined;
  /** Removes what the store left, e.g. its file. */
  dispose?: (() => Promise<void>) | undefined;
}

/** One kind of store under test. */
export interface BenchSource {
  /** What this store lacks, and why: cases that need it are skipped with that reason. */
  missing?: Partial<Record<Capability, string>> | undefined;
  /** True when the store answers over a network: virtual time then waits for its answers. */
  isRemote?: boolean | undefined;
  /** Opens an empty store whose time and timers come from `environment`. */
  createStore(environment: FakeEnvironment): Promise<OpenedStore> | OpenedStore;
}

/** What a kernel of a case is made of beside the bench's store. */
export interface BenchKernelOptions extends Partial<Omit<KernelConfig, "environment">> {
  workflows?: readonly AnyWorkflow[];
  /** Another world, e.g. with a clock that is wrong; the bench's when absent. */
  environment?: Environment | undefined;
}

/** One store under test. */
export interface Bench {
  readonly store: BenchStore;
  readonly environment: FakeEnvironment;
  /** Gets the events of every kernel that was not given a sink. */
  readonly sink: CollectingEventSink;
  /** Hears of the wake-ups of every kernel that was not given a scheduler. */
  readonly scheduler: NoopScheduler;
  readonly driver: DriverName;
  has(capability: Capability): boolean;
  createKernel(options: BenchKernelOptions): Kernel;
  /** The same rows as another process sees them: a store of its own where the store can, under the same clock. */
  reopen(): Promise<Bench>;
  /** Drives the kernel's runs until something is so; throws when it does not come about. */
  drive(kernel: Kernel, options: DriveOptions): Promise<void>;
  /** Lets everything run that waits for no timer. */
  settle(): Promise<void>;
  /** Lets virtual time pass. */
  advance(ms: number): Promise<void>;
  /** Puts the clock forward, days at a time: no timer fires for it, as while every process sleeps. */
  leap(ms: number): void;
  /** Lets virtual time pass until a promise has settled. */
  pass<T>(promise: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The reader of a case that requires one. */
export function readerOf({ store }: Bench): Reader {
  return store.reader ?? fail("this store has no reader; the case should require it");
}
