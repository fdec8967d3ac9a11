// Tells when no request of this process is under way, so that a test on a fake clock lets time pass only then: to the engine, a server that
// answers is as fast as memory. Reads the request events that Node's own fetch publishes.
import { realEnvironment } from "../../environment.ts";

/** Watches the requests of this process. */
export interface RequestWatch {
  /** Resolves once no request has been under way for a few milliseconds. */
  quiet(): Promise<void>;
  stop(): void;
}

/** Begins to watch. */
export async function watchRequests(): Promise<RequestWatch> {
  const { subscribe, unsubscribe } = await import("node:diagnostics_channel");
  const open = new Set<unknown>();
  let isNews = false;
  const begin = (message: unknown): void => {
    open.add((message as { request: unknown }).request);
    isNews = true;
  };
  const end = (message: unknown): void => void open.delete((message as { request: unknown }).request);
  const events = { create: begin, trailers: end, error: end };
  for (const [name, listener] of Object.entries(events)) subscribe(`undici:request:${name}`, listener);
  const quiet = async (): Promise<void> => {
    let calm = 0;
    // after an answer others may follow; when nothing was asked, one look is enough
    while (calm < (isNews ? 3 : 1)) {
      await new Promise<void>((resolve) => void realEnvironment.setTimer(1, resolve));
      calm = open.size > 0 ? 0 : calm + 1;
    }
    isNews = false;
  };
  const stop = (): void => {
    for (const [name, listener] of Object.entries(events)) unsubscribe(`undici:request:${name}`, listener);
  };
  return { quiet, stop };
}
