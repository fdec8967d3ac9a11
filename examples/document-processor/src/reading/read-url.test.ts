// Downloads against a server of our own: what may pass is retryable, what will not is fatal, and nothing runs without limit.
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { FatalError, RetryableError } from "@bratsos/workflow-engine";
import { afterEach, describe, expect, it } from "vitest";
import { readUrlDocument } from "./read-url.ts";

const LIMITS = { maxBytes: 1_000, timeoutMs: 5_000 };
let server: Server | undefined;

async function serve(listener: RequestListener): Promise<URL> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/papers/queues%20are%20databases.html`);
}

async function failureOf(url: URL, limits: Partial<typeof LIMITS> & { signal?: AbortSignal } = {}): Promise<unknown> {
  return readUrlDocument(url, { ...LIMITS, ...limits }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

describe("a download", () => {
  it("follows redirects and keeps the final address, the name and the content type", async () => {
    const url = await serve((request, response) => {
      if (request.url !== "/final%20text.md") return void response.writeHead(302, { location: "/final%20text.md" }).end();
      response.writeHead(200, { "content-type": "text/markdown; charset=utf-8" }).end("# Hi");
    });
    const document = await readUrlDocument(url, LIMITS);
    expect(document).toMatchObject({ name: "final text.md", contentType: "text/markdown; charset=utf-8" });
    expect(document.location).toBe(new URL("/final%20text.md", url).href);
    expect(new TextDecoder().decode(document.bytes)).toBe("# Hi");
  });

  it.each([404, 410, 403, 400])("answered with %i is not tried again", async (status) => {
    const failure = await failureOf(await serve((_, response) => void response.writeHead(status).end()));
    expect(failure).toBeInstanceOf(FatalError);
    expect((failure as Error).message).toMatch(new RegExp(`answered ${status} .*: .+\\.$`));
  });

  it.each([500, 503, 429, 408])("answered with %i may be tried again, when the server says so", async (status) => {
    const failure = await failureOf(await serve((_, response) => void response.writeHead(status, { "retry-after": "2" }).end()));
    expect(failure).toBeInstanceOf(RetryableError);
    expect((failure as RetryableError).retryAfterMs).toBe(2_000);
  });

  it("from a server that is not there may be tried again and names the reason", async () => {
    const url = await serve(() => {});
    await new Promise((resolve) => server!.close(resolve));
    const failure = await failureOf(url);
    expect(failure).toBeInstanceOf(RetryableError);
    expect((failure as Error).message).toMatch(/cannot be reached: .*ECONNREFUSED.*Check the address and the network/);
  });

  it("that does not answer in time may be tried again", async () => {
    const failure = await failureOf(await serve(() => {}), { timeoutMs: 50 });
    expect(failure).toBeInstanceOf(RetryableError);
    expect((failure as Error).message).toMatch(/did not answer within 50 ms/);
  });

  it("that breaks off in the middle may be tried again", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-length": "500" }).write("half", () => response.destroy());
    });
    expect(await failureOf(url)).toBeInstanceOf(RetryableError);
  });

  it.each([
    ["announces", { "content-length": "5000" }],
    ["does not announce", {}],
  ])("that is too large and %s it is stopped", async (_, headers) => {
    const failure = await failureOf(await serve((_request, response) => void response.writeHead(200, headers).end("x".repeat(5_000))));
    expect(failure).toBeInstanceOf(FatalError);
    expect((failure as Error).message).toMatch(/is too large/);
  });

  it("of a cancelled run ends with the reason of the cancellation", async () => {
    const cancelled = new AbortController();
    const url = await serve(() => cancelled.abort(new Error("run cancelled")));
    expect(await failureOf(url, { signal: cancelled.signal })).toEqual(new Error("run cancelled"));
  });
});
