// Cloudflare Workers: a queue consumer and a cron trigger, `export default createCloudflareHandlers(open)`. On workerd a connection belongs
// to the invocation that opened it, so `open` makes store, kernel and host each time. Shapes: developers.cloudflare.com, Queues and Cron Triggers.
import { handleSafely, type OpenInvocation, wantsRedelivery, withInvocation } from "./invocation.ts";

/** A message of a queue's batch; Cloudflare's own `Message` fits. */
export interface CloudflareMessage {
  readonly id: string;
  readonly body: unknown;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

/** A batch of messages; Cloudflare's own `MessageBatch` fits. */
export interface CloudflareBatch {
  readonly messages: readonly CloudflareMessage[];
}

/** What a cron trigger hands in; Cloudflare's own `ScheduledController` fits. */
export interface CloudflareSchedule {
  readonly scheduledTime: number;
}

/** The handlers of a Worker. */
export interface CloudflareHandlers<Env> {
  queue(batch: CloudflareBatch, env: Env): Promise<void>;
  scheduled(controller: CloudflareSchedule, env: Env): Promise<void>;
}

/** Options of the handlers. */
export interface CloudflareOptions {
  /** Milliseconds an invocation may take; what has not ended by then is handed back. Default 10 minutes, under Cloudflare's 15. */
  budgetMs?: number | undefined;
}

/** Longest delay of a redelivery that Cloudflare Queues takes: 12 hours. */
const longestDelaySeconds = 43_200;
const defaultBudgetMs = 10 * 60_000;

/** Makes a Worker's handlers: each message of a batch is acknowledged or retried by itself. */
export function createCloudflareHandlers<Env>(open: OpenInvocation<[env: Env]>, options: CloudflareOptions = {}): CloudflareHandlers<Env> {
  const { budgetMs = defaultBudgetMs } = options;
  return {
    queue: (batch, env) => {
      return withInvocation(open(env), async (host) => {
        const handle = async (message: CloudflareMessage): Promise<void> => {
          const result = await handleSafely(host, message.body, { budgetMs });
          if (!wantsRedelivery(result)) message.ack();
          else message.retry({ delaySeconds: delaySecondsOf(result.retryAfterMs) });
        };
        await Promise.all(batch.messages.map(handle));
      });
    },
    scheduled: (_, env) => {
      return withInvocation(open(env), async (host) => void (await host.runMaintenanceTick({ budgetMs })));
    },
  };
}

/** Whole seconds, as Cloudflare takes them; a second when nothing says. */
export function delaySecondsOf(ms = 1_000): number {
  return Math.min(longestDelaySeconds, Math.ceil(ms / 1_000));
}
