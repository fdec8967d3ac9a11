// Deno and Deno Deploy: `kv.listenQueue(handlers.onMessage)` and `Deno.cron("workflow engine", "* * * * *", handlers.onCron)`. A queue of Deno
// KV delivers again what its listener throws on. Shapes: docs.deno.com, "Using queues" and "Scheduling cron tasks".
import { handleSafely, type OpenInvocation, wantsRedelivery, withInvocation } from "./invocation.ts";

/** What Deno calls. */
export interface DenoHandlers {
  /** Handles one job; throws when the queue is to deliver it again. */
  onMessage(message: unknown): Promise<void>;
  /** One maintenance tick, then jobs that wait in the store. */
  onCron(): Promise<void>;
}

/** Options of the handlers. */
export interface DenoOptions {
  /** Milliseconds a call may take; default 60 s. */
  budgetMs?: number | undefined;
  /** Jobs of the store that a cron call executes after its tick; default 10, 0 for none where a queue delivers them. */
  maxJobs?: number | undefined;
}

const defaultBudgetMs = 60_000;

/** Makes the handlers of Deno's queue and cron. */
export function createDenoHandlers(open: OpenInvocation<[]>, options: DenoOptions = {}): DenoHandlers {
  const { budgetMs = defaultBudgetMs, maxJobs = 10 } = options;
  return {
    onMessage: (message) =>
      withInvocation(open(), async (host) => {
        const result = await handleSafely(host, message, { budgetMs });
        if (wantsRedelivery(result)) throw new Error(result.error ?? "To be delivered again");
      }),
    onCron: () =>
      withInvocation(open(), async (host) => {
        await host.runMaintenanceTick({ budgetMs });
        await host.processAvailableJobs({ maxJobs, budgetMs });
      }),
  };
}
