// What is mostly here at once: a promise costs more than a small stage, so none is made for a value that needs no waiting.

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;
