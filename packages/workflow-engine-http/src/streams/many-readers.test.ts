// Many readers over real sockets, slow ones and broken connections among them: nobody misses an event, and what is kept for the slow ones
// stays small. `npm run prove` runs it with 200.
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { serve } from "@hono/node-server";
import { createParser } from "eventsource-parser";
import { describe, expect, it } from "vitest";
import { recordFigure } from "../../../../tools/figures.ts";
import { type Bench, openBench, storeNames, until } from "../http.test-fixture.ts";

const isFull = process.env["PROOF"] === "full";
const READERS = isFull ? 200 : 40;
const EVENTS = isFull ? 5_000 : 600;
const RUNS = 10;
const TEXT = "x".repeat(isFull ? 2_000 : 20_000);

interface Heard {
  runId: string;
  sequence: number;
}

/** One reader; a slow one stops reading after its first events until it is told to go on. */
class Reader {
  readonly heard: Heard[] = [];
  readonly #url: string;
  readonly #isSlow: boolean;
  #lastId: string | null = null;
  #request: ClientRequest | null = null;
  #response: IncomingMessage | null = null;

  constructor(url: string, isSlow: boolean) {
    this.#url = url;
    this.#isSlow = isSlow;
  }

  open(): Promise<void> {
    const headers = { accept: "text/event-stream", ...(this.#lastId !== null && { "last-event-id": this.#lastId }) };
    return new Promise((resolve, reject) => {
      this.#request = get(this.#url, { headers, agent: false }, (response) => {
        this.#response = response;
        if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}`));
        const parser = createParser({
          onComment: (comment) => {
            this.#lastId ??= comment.trim().slice(3);
          },
          onEvent: ({ id, data }) => {
            const { workflowRunId, sequence } = JSON.parse(data);
            this.heard.push({ runId: workflowRunId, sequence });
            this.#lastId = id!;
          },
        });
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          parser.feed(text);
          resolve();
          if (this.#isSlow && this.heard.length === 1) response.pause();
        });
        response.on("error", () => undefined);
      }).on("error", reject);
    });
  }

  goOn(): void {
    this.#response?.resume();
  }

  async breakOff(): Promise<void> {
    this.close();
    await this.open();
  }

  close(): void {
    this.#request?.on("error", () => undefined);
    this.#request?.destroy();
  }
}

async function openServer(bench: Bench) {
  const sockets = new Set<Socket>();
  const server = await new Promise<ReturnType<typeof serve>>((resolve) => {
    const opened = serve({ fetch: bench.api.fetch, port: 0, hostname: "127.0.0.1" }, () => resolve(opened));
    opened.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
  });
  const { port } = server.address() as AddressInfo;
  return { server, sockets, url: `http://127.0.0.1:${port}` };
}

async function tell({ store }: Bench, runIds: string[], count: number, onStep: () => void): Promise<void> {
  for (let done = 0; done < count; done += RUNS) {
    const occurredAt = new Date();
    const event = { eventType: "stage:progress", payload: { stageId: "s", progress: 1, message: TEXT }, causationId: "t", occurredAt };
    await store.persistence.appendOutboxEvents(runIds.map((workflowRunId) => ({ ...event, workflowRunId })));
    onStep();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.each(storeNames)("many readers on %s", (kind) => {
  it("hear everything, once, in order; the slow ones cost a buffer each", { timeout: 300_000 }, async () => {
    const bench = await openBench(kind, { plugins: [] });
    const { server, sockets, url } = await openServer(bench);
    const run = { workflowId: "w", workflowName: "W", workflowType: "w", input: {}, status: "RUNNING" } as const;
    const runIds = Array.from({ length: RUNS }, (_, i) => `r${i}`);
    for (const id of runIds) await bench.store.persistence.createRun({ ...run, id });
    const readers = Array.from(
      { length: READERS },
      (_, i) => new Reader(url + (i % 2 ? `/runs/r${(i >> 1) % RUNS}/events` : "/events"), i % 5 === 0),
    );
    await Promise.all(readers.map((reader) => reader.open()));

    let most = 0;
    const measure = (): void => {
      most = Math.max(most, ...[...sockets].map((socket) => socket.writableLength));
    };
    await tell(bench, runIds, EVENTS / 2, measure);
    await Promise.all(readers.filter((_, i) => i % 7 === 3).map((reader) => reader.breakOff()));
    await tell(bench, runIds, EVENTS / 2, measure);
    const isSlow = (_: unknown, i: number): boolean => i % 5 === 0;
    const expected = (i: number): number => (i % 2 ? EVENTS / RUNS : EVENTS);
    const quick = async () => readers.every((reader, i) => isSlow(reader, i) || reader.heard.length >= expected(i));
    await until(quick, Boolean);
    measure();
    for (const reader of readers) reader.goOn();
    await until(async () => readers.every((reader, i) => reader.heard.length >= expected(i)), Boolean);

    for (const [i, { heard }] of readers.entries()) {
      expect(heard.length, `reader ${i}`).toBe(expected(i));
      for (const [runId, events] of Map.groupBy(heard, (event) => event.runId)) {
        expect(
          events.map(({ sequence }) => sequence),
          `reader ${i} of ${runId}`,
        ).toEqual(events.map((_, at) => at + 1));
      }
    }
    // a buffer, and the event that fills it
    expect(most).toBeLessThan(256 * 1024);
    recordFigure({ promise: "HTTP", claim: `events missed or doubled by ${READERS} readers of ${EVENTS} events`, figure: 0, store: kind });
    recordFigure({ promise: "HTTP", claim: "most bytes kept for one slow reader", figure: most, unit: "bytes", store: kind });
    for (const reader of readers) reader.close();
    await bench.close();
    await new Promise((resolve) => server.close(resolve));
    expect(bench.errors).toEqual([]);
  });
});
