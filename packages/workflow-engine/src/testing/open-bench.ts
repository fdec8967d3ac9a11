// Opens a bench on a store: kernels wired to it, virtual time under it.
import { createKernel } from "../defaults.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { createRegistry } from "../kernel/registry.ts";
import { CollectingEventSink, createFakeEnvironment, type FakeEnvironment, NoopScheduler } from "../kernel/testing/index.ts";
import type { Bench, BenchKernelOptions, BenchSource, BenchStore, Capability, DriveOptions, DriverName, OpenedStore } from "./bench.ts";
import { drive } from "./harness.ts";
import { advance, type LeapingEnvironment, leaping, pass, settle } from "./passing-time.ts";

/** Opens a bench on an empty store. */
export async function createBench(source: BenchSource, driver: DriverName = "commands"): Promise<Bench> {
  const environment = leaping(createFakeEnvironment());
  const opened = await source.createStore(environment);
  await opened.store.migrate?.();
  const shared = {
    environment,
    driver,
    missing: source.missing ?? {},
    isRemote: source.isRemote ?? false,
    sink: new CollectingEventSink(),
    scheduler: new NoopScheduler(),
  };
  return new StoreBench(opened.store, opened, shared);
}

interface SharedParts {
  environment: LeapingEnvironment;
  driver: DriverName;
  missing: Partial<Record<Capability, string>>;
  isRemote: boolean;
  sink: CollectingEventSink;
  scheduler: NoopScheduler;
}

class StoreBench implements Bench {
  readonly store: BenchStore;
  readonly #opened: OpenedStore;
  readonly #shared: SharedParts;
  readonly #others: BenchStore[] = [];

  constructor(store: BenchStore, opened: OpenedStore, shared: SharedParts) {
    this.store = store;
    this.#opened = opened;
    this.#shared = shared;
  }

  get environment(): FakeEnvironment {
    return this.#shared.environment;
  }

  get sink(): CollectingEventSink {
    return this.#shared.sink;
  }

  get scheduler(): NoopScheduler {
    return this.#shared.scheduler;
  }

  get driver(): DriverName {
    return this.#shared.driver;
  }

  get isRemote(): boolean {
    return this.#shared.isRemote;
  }

  has(capability: Capability): boolean {
    return this.#shared.missing[capability] === undefined;
  }

  createKernel({ workflows = [], ...options }: BenchKernelOptions): Kernel {
    const { persistence, jobTransport, blobStore, aiCallLogger } = this.store;
    const { environment, sink, scheduler } = this;
    const registry = createRegistry(workflows);
    return createKernel({
      persistence,
      jobTransport,
      blobStore,
      aiCallLogger,
      environment,
      eventSink: sink,
      scheduler,
      registry,
      ...options,
    });
  }

  async reopen(): Promise<Bench> {
    if (!this.#opened.reopen) return new StoreBench(this.store, {} as OpenedStore, this.#shared);
    const store = await this.#opened.reopen();
    this.#others.push(store);
    return new StoreBench(store, { store, reopen: this.#opened.reopen }, this.#shared);
  }

  drive(kernel: Kernel, options: DriveOptions): Promise<void> {
    return drive(this, kernel, options);
  }

  settle(): Promise<void> {
    return settle(this);
  }

  advance(ms: number): Promise<void> {
    return advance(this, ms);
  }

  leap(ms: number): void {
    this.#shared.environment.leap(ms);
  }

  pass<T>(promise: Promise<T>): Promise<T> {
    return pass(this, promise);
  }

  async close(): Promise<void> {
    for (const store of [...this.#others, this.store]) await store.close?.();
    await this.#opened.dispose?.();
  }
}
