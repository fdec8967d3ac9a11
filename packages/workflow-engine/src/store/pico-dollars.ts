// Money as stores keep it: whole pico-dollars, 10^12 to the dollar.

const pico = 1_000_000_000_000;

/** US dollars of pico-dollars. */
export function toDollars(amount: bigint): number {
  return Number(amount) / pico;
}

/** Pico-dollars of US dollars, rounded; an unknown cost (NaN) counts nothing. */
export function toPico(dollars: number): bigint {
  return toKnownPico(dollars) ?? 0n;
}

/** Pico-dollars of US dollars, rounded; null for an unknown cost (NaN). */
export function toKnownPico(dollars: number): bigint | null {
  return Number.isFinite(dollars) ? BigInt(Math.round(dollars * pico)) : null;
}
