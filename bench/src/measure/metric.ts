// One measured figure.

/** A figure with its unit in its name. */
export interface Metric {
  /** Unique within a scenario, unit included: `p50 ms`. */
  name: string;
  value: number;
}

/** Middle value; the mean of the two in the middle when there are two. NaN of nothing. */
export function median(values: readonly number[]): number {
  return (percentile(values, 0.5, "lower") + percentile(values, 0.5, "upper")) / 2;
}

/** The value that the given share of all values does not exceed (nearest rank). NaN of nothing. */
export function percentile(values: readonly number[], share: number, side: "lower" | "upper" = "lower"): number {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = share * sorted.length;
  const index = side === "lower" ? Math.ceil(rank) - 1 : Math.floor(rank);
  return sorted[Math.min(Math.max(index, 0), sorted.length - 1)] ?? Number.NaN;
}
