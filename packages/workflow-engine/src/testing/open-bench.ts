// Opens a bench on a store: kernels wired to it, virtual time under it.
import { createKernel } from "../defaults.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { createRegistry } from "../kernel/registry.ts";
import { CollectingEventSink, createFakeEnvironment, type FakeEnvironment, NoopScheduler } from "../kernel/testing/index.ts";
import type { Bench, BenchKernelOptions, BenchSource, BenchStore, Capability, DriveOptions, DriverName, OpenedStore } from "./bench.ts";
import { drive } from "./harness.ts";
import { pass, settle } from "./passing-time.ts";

/** Opens a bench on an empty store. */
export async function createBench(source: BenchSource, driver: DriverName = "commands"): Promise<Bench> {
  const environment = createFakeEnvironment();
  const opened = await source.createStore(environment);
  await opened.store.migrate?.();
  const shared = { environment, driver, missing: source.missing ?? {}, sink: new CollectingEventSink(), scheduler: new NoopScheduler() };
  return new StoreBench(opened.store, opened, shared);
}

interface SharedParts {
  environment: FakeEnvironment;
  driver: DriverName;
  missing: Partial<Record<Capability, string>>;
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

  has(capability: Capability): boolean {
    return this.#shared.missing[capability] === undefined;
  }

  createKernel({ workflows = [], ...options }: BenchKernelOptions): Kernel {
    const { persistence, jobTransport, blobStore } = this.store;
    const { environment, sink, scheduler } = this;
    const registry = createRegistry(workflows);
    return createKernel({ persistence, jobTransport, blobStore, environment, eventSink: sink, scheduler, registry, ...options });
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

  async advance(ms: number): Promise<void> {
    const target = this.environment.now() + ms;
    for (;;) {
      await this.settle();
      const next = this.environment.timers()[0];
      if (next === undefined || next > target) break;
      await this.environment.advance(Math.max(0, next - this.environment.now()));
    }
    await this.environment.advance(target - this.environment.now());
    await this.settle();
  }

  pass<T>(promise: Promise<T>): Promise<T> {
    return pass(this, promise);
  }

  async close(): Promise<void> {
    for (const store of [...this.#others, this.store]) await store.close?.();
    await this.#opened.dispose?.();
  }
}
