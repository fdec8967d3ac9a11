// Adds up what models were used for in this process, for reports of one's own; the ledger is the truth about money.
import { calculateCost } from "./registry.ts";

/** What one model was used for. Cost is US dollars, NaN when the model's price is not known. */
export interface TrackedStats {
  modelKey: string;
  calls: number;
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  cost: number;
}

/** Sums over all models. */
export type TrackedTotals = Omit<TrackedStats, "modelKey">;

/** Counts calls, tokens and cost by model. */
export class ModelStatsTracker {
  readonly #counts = new Map<string, { calls: number; inputTokens: number; outputTokens: number; cost: number }>();

  /** Counts a call; its cost is computed from the model's prices unless given. Throws MODEL_NOT_FOUND. */
  record(modelKey: string, inputTokens: number, outputTokens: number, cost?: number): void {
    const spent = cost ?? calculateCost(modelKey, inputTokens, outputTokens).totalCost;
    const before = this.#counts.get(modelKey) ?? { calls: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
    this.#counts.set(modelKey, {
      calls: before.calls + 1,
      inputTokens: before.inputTokens + inputTokens,
      outputTokens: before.outputTokens + outputTokens,
      cost: before.cost + spent,
    });
  }

  /** Returns what one model was used for; all zeros when it was not. */
  getStats(modelKey: string): TrackedStats {
    const { calls, inputTokens, outputTokens, cost } = this.#counts.get(modelKey) ?? { calls: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
    return { modelKey, calls, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, cost };
  }

  /** Returns what each model was used for, the dearest first. */
  getAllStats(): TrackedStats[] {
    return [...this.#counts.keys()].map((key) => this.getStats(key)).sort((a, b) => (b.cost || 0) - (a.cost || 0));
  }

  /** Returns the sums over all models. */
  getTotals(): TrackedTotals {
    const zero: TrackedTotals = { calls: 0, inputTokens: 0, outputTokens: 0, totalTokens: 0, cost: 0 };
    return this.getAllStats().reduce(
      (sum, stats) => ({
        calls: sum.calls + stats.calls,
        inputTokens: sum.inputTokens + stats.inputTokens,
        outputTokens: sum.outputTokens + stats.outputTokens,
        totalTokens: sum.totalTokens + stats.totalTokens,
        cost: sum.cost + stats.cost,
      }),
      zero,
    );
  }

  /** Forgets everything. */
  reset(): void {
    this.#counts.clear();
  }
}
