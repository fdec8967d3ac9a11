// Fetches a document over HTTP. Two kinds of failure: what may pass (network, timeout, 408, 425, 429, 5xx) is a
// RetryableError and the engine tries again; what will not (404, 403, ...) is a FatalError and it does not.
import { FatalError, RetryableError } from "@bratsos/workflow-engine";
import { type RawDocument, tooLargeMessage } from "./raw-document.ts";
import type { ReadOptions } from "./read-file.ts";

/** Limits of one download. */
export interface FetchOptions extends ReadOptions {
  /** Milliseconds for the whole download, headers and body. */
  readonly timeoutMs: number;
}

const PASSING_STATUS = new Set([408, 425, 429]);
const LONGEST_RETRY_AFTER_MS = 30_000;
const ACCEPT = "text/html, application/xhtml+xml, application/pdf, text/markdown, text/plain;q=0.9, */*;q=0.5";

/** Downloads `url`, following redirects; throws RetryableError for what may pass and FatalError for what will not. */
export async function readUrlDocument(url: URL, options: FetchOptions): Promise<RawDocument> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const response = await fetch(url, { signal, redirect: "follow", headers: { accept: ACCEPT } });
    if (!response.ok) {
      await response.body?.cancel();
      throw statusError(url, response);
    }
    const location = response.url || url.href;
    const bytes = await readBody(response, location, options.maxBytes);
    return { bytes, name: nameOf(new URL(location)), location, contentType: response.headers.get("content-type") ?? undefined };
  } catch (error) {
    if (error instanceof FatalError || error instanceof RetryableError) throw error;
    options.signal?.throwIfAborted();
    if (timeout.aborted) {
      throw new RetryableError(`${url.href} did not answer within ${options.timeoutMs} ms. Try again, or raise timeoutMs.`, {
        cause: error,
      });
    }
    throw new RetryableError(`${url.href} cannot be reached: ${reasonOf(error)}. Check the address and the network.`, { cause: error });
  }
}

async function readBody(response: Response, location: string, maxBytes: number): Promise<Uint8Array> {
  const announced = Number(response.headers.get("content-length") ?? 0);
  if (announced > maxBytes) {
    await response.body?.cancel();
    throw new FatalError(tooLargeMessage(location, announced, maxBytes));
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Counted while it arrives: a length header may be absent, wrong, or the length before decompression.
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new FatalError(tooLargeMessage(location, undefined, maxBytes));
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks, size));
}

function statusError(url: URL, response: Response): Error {
  const { status } = response;
  const answer = `${url.href} answered ${status} ${response.statusText}`.trimEnd();
  if (status >= 500 || PASSING_STATUS.has(status)) {
    return new RetryableError(`${answer}. The server may recover; try again later.`, {
      retryAfterMs: retryAfterMs(response.headers.get("retry-after")),
    });
  }
  if (status === 404 || status === 410) return new FatalError(`${answer}: there is no document at this address. Check the URL.`);
  if (status === 401 || status === 403) return new FatalError(`${answer}: it needs permission. Download it yourself and pass the file.`);
  return new FatalError(`${answer}: the server refuses the request. Open the URL in a browser, or download it and pass the file.`);
}

/** Seconds as RFC 9110 writes them; its date form and anything unreasonable leave the stage's own backoff in place. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null || !/^\d+$/.test(header.trim())) return undefined;
  return Math.min(Number(header) * 1000, LONGEST_RETRY_AFTER_MS);
}

/** `fetch` hides the reason (ECONNREFUSED, ENOTFOUND, a certificate) in the cause of its error. */
function reasonOf(error: unknown): string {
  let deepest = error;
  while (deepest instanceof Error && deepest.cause instanceof Error) deepest = deepest.cause;
  if (deepest instanceof AggregateError && deepest.errors[0] instanceof Error) deepest = deepest.errors[0];
  return deepest instanceof Error ? deepest.message : String(deepest);
}

function nameOf(url: URL): string {
  const last = url.pathname.split("/").filter(Boolean).at(-1);
  if (last === undefined) return url.hostname;
  try {
    return decodeURIComponent(last);
  } catch {
    return last; // a stray percent sign is no reason to fail
  }
}
