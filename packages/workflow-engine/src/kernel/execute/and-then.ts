// What is mostly here at once: a promise costs more than a small stage, so none is made for a value that needs no waiting.

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** Goes on with a value: at once when it is here, when it comes otherwise. */
export function andThen<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
