// A TCP proxy that fails as networks do: connections reset, cut in the middle of a message, or half-open, when both ends keep their
// sockets and nothing arrives any more.
import { createServer, type Server, type Socket, connect as tcpConnect } from "node:net";
import { until } from "./mixed-runs.ts";

/** The ways in which a connection fails. */
export type Cut = "reset" | "middle" | "half-open";

/** The ways, for whoever takes them in turn. */
export const cuts: readonly Cut[] = ["reset", "middle", "half-open"];

/** Two sockets and what passes between them. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #onHit: (how: Cut) => void;
  #state: "whole" | "cut at the next message" | "half-open" = "whole";
  #isAnswered = false;
  #isHit = false;

  constructor(client: Socket, server: Socket, { onEnd, onHit }: { onEnd: () => void; onHit: (how: Cut) => void }) {
    this.#client = client;
    this.#server = server;
    this.#onHit = onHit;
    server.once("data", () => {
      this.#isAnswered = this.#state === "whole";
    });
    this.#pass(client, server);
    this.#pass(server, client);
    client.once("close", onEnd);
  }

  /** Whether the server has answered on it and it is whole. */
  get isLive(): boolean {
    return this.#isAnswered && this.#state === "whole";
  }

  cut(how: Cut): void {
    if (how === "reset") {
      if (this.isLive) this.#onHit(how);
      this.reset();
    } else if (how === "half-open") this.#state = "half-open";
    else if (this.#state === "whole") this.#state = "cut at the next message";
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  /** Somebody's message is lost: of a connection that had been live that counts once. */
  #hit(how: Cut): void {
    if (this.#isAnswered && !this.#isHit) this.#onHit(how);
    this.#isHit = true;
  }

  #pass(from: Socket, to: Socket): void {
    from.on("data", (chunk: Buffer) => {
      if (this.#state === "half-open") return this.#hit("half-open");
      if (this.#state === "whole") return void to.write(chunk);
      this.#hit("middle");
      // the first half arrives, then nothing ever does
      to.end(chunk.subarray(0, Math.floor(chunk.length / 2)), () => this.reset());
    });
    from.on("error", () => undefined);
    // an end passes like everything else: not at all when half-open
    from.on("close", () => {
      if (this.#state !== "half-open") to.destroy();
    });
  }
}

/** A proxy before one server, on a port of its own. */
export class CutProxy {
  readonly #listening: Server;
  readonly #links = new Set<Link>();
  /** True while connections are half-open from the start. */
  #isDead = false;
  #revival: NodeJS.Timeout | undefined;
  /** Cuts that hit a live connection, by the way: when it was reset, or the first message did not arrive whole. */
  readonly count: Record<Cut, number> = { reset: 0, middle: 0, "half-open": 0 };

  private constructor(target: URL) {
    this.#listening = createServer((client) => {
      const server = tcpConnect(Number(target.port), target.hostname);
      const link = new Link(client, server, { onEnd: () => this.#links.delete(link), onHit: (how) => this.count[how]++ });
      this.#links.add(link);
      if (this.#isDead) link.cut("half-open");
    });
  }

  /** Starts one; answers it and the address of the server through it. */
  static async start(url: string): Promise<{ proxy: CutProxy; url: string }> {
    const proxy = new CutProxy(new URL(url));
    await new Promise<void>((resolve) => proxy.#listening.listen(0, "127.0.0.1", resolve));
    const through = new URL(url);
    through.port = String((proxy.#listening.address() as { port: number }).port);
    return { proxy, url: through.href };
  }

  /** Connections there are. */
  get size(): number {
    return this.#links.size;
  }

  /** Cuts every connection there is. With "half-open" those made within `forMs` are so from the start. */
  cutAll(how: Cut, forMs = 0): void {
    for (const link of this.#links) link.cut(how);
    if (how !== "half-open") return;
    this.#isDead = true;
    clearTimeout(this.#revival);
    this.#revival = setTimeout(() => {
      this.#isDead = false;
    }, forMs).unref();
  }

  /** Cuts every connection there is, again until that has hit a live one; fails after 30 seconds. */
  async cutLive(how: Cut, forMs = 0): Promise<void> {
    const before = this.count[how];
    let nextAt = 0;
    const isHit = (): boolean => {
      if (this.count[how] > before) return true;
      // whoever connects is given time for it; whoever was cut, for a message
      if (Date.now() < nextAt || ![...this.#links].some((link) => link.isLive)) return false;
      nextAt = Date.now() + 1_000;
      this.cutAll(how, forMs);
      return this.count[how] > before;
    };
    await until(isHit, `somebody was connected and lost a message: ${how}`);
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.reset();
    await new Promise((resolve) => this.#listening.close(resolve));
  }
}
