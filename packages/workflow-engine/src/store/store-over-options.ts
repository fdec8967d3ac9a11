// What the door over CRUD adapters is made of.
import type { Environment } from "../ports/environment.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { AICallLogger } from "../ports/ledger.ts";
import type { Persistence } from "../ports/persistence.ts";

/** What `storeOver` takes. */
export interface StoreOverOptions {
  persistence: Persistence;
  jobTransport: JobTransport;
  environment: Environment;
  /** Where a run's totals come from when it ends; they stay 0 without it. */
  aiCallLogger?: AICallLogger | undefined;
  /** Milliseconds after which a queued stage that nothing moved is enqueued again; default 60,000. */
  repairAfterMs?: number | undefined;
}
