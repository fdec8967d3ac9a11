// The part of Node's EventEmitter that people use of an executor, without Node: listeners are called in order, one that throws stops nobody.

type Listener<E> = (event: E) => void;

/** Emits events by name. */
export class Emitter<Events extends Record<string, unknown>> {
  readonly #listeners = new Map<string, Array<{ listener: Listener<never>; isOnce: boolean }>>();

  /** Calls `listener` at every event of this name. */
  on<K extends keyof Events & string>(name: K, listener: Listener<Events[K]>): this {
    return this.#add(name, listener, false);
  }

  /** Calls `listener` at the next event of this name. */
  once<K extends keyof Events & string>(name: K, listener: Listener<Events[K]>): this {
    return this.#add(name, listener, true);
  }

  /** The same as `on`. */
  addListener<K extends keyof Events & string>(name: K, listener: Listener<Events[K]>): this {
    return this.on(name, listener);
  }

  /** Forgets a listener, the one added last if it was added more than once. */
  off<K extends keyof Events & string>(name: K, listener: Listener<Events[K]>): this {
    const all = this.#listeners.get(name) ?? [];
    const at = all.findLastIndex((entry) => entry.listener === listener);
    if (at >= 0) all.splice(at, 1);
    return this;
  }

  /** The same as `off`. */
  removeListener<K extends keyof Events & string>(name: K, listener: Listener<Events[K]>): this {
    return this.off(name, listener);
  }

  /** Forgets every listener, of one name or of all. */
  removeAllListeners(name?: keyof Events & string): this {
    if (name === undefined) this.#listeners.clear();
    else this.#listeners.delete(name);
    return this;
  }

  /** How many listeners a name has. */
  listenerCount(name: keyof Events & string): number {
    return this.#listeners.get(name)?.length ?? 0;
  }

  /** Calls the listeners of a name; true when there were any. */
  emit<K extends keyof Events & string>(name: K, event: Events[K]): boolean {
    const all = [...(this.#listeners.get(name) ?? [])];
    for (const { listener, isOnce } of all) {
      if (isOnce) this.off(name, listener as Listener<Events[K]>);
      try {
        (listener as Listener<Events[K]>)(event);
      } catch {
        // who listens has no say in how the run goes
      }
    }
    return all.length > 0;
  }

  #add(name: string, listener: Listener<never>, isOnce: boolean): this {
    const all = this.#listeners.get(name) ?? [];
    all.push({ listener, isOnce });
    this.#listeners.set(name, all);
    return this;
  }
}
