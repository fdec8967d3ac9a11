// A TCP proxy that fails as networks do: connections reset, cut in the middle of a message, or half-open, when both ends keep their
// sockets and nothing arrives any more.
import { createServer, type Server, type Socket, connect as tcpConnect } from "node:net";

/** The ways in which a connection fails. */
export type Cut = "reset" | "middle" | "half-open";

/** The ways, for whoever takes them in turn. */
export const cuts: readonly Cut[] = ["reset", "middle", "half-open"];

/** Two sockets and what passes between them. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  #state: "whole" | "cut at the next message" | "half-open" = "whole";

  constructor(client: Socket, server: Socket, onEnd: () => void) {
    this.#client = client;
    this.#server = server;
    this.#pass(client, server);
    this.#pass(server, client);
    client.once("close", onEnd);
  }

  cut(how: Cut): void {
    if (how === "reset") this.reset();
    else if (how === "half-open") this.#state = "half-open";
    else if (this.#state === "whole") this.#state = "cut at the next message";
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  #pass(from: Socket, to: Socket): void {
    from.on("data", (chunk: Buffer) => {
      if (this.#state === "half-open") return;
      if (this.#state === "whole") return void to.write(chunk);
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
  /** Connections cut, by the way. */
  readonly count: Record<Cut, number> = { reset: 0, middle: 0, "half-open": 0 };

  private constructor(target: URL) {
    this.#listening = createServer((client) => {
      const server = tcpConnect(Number(target.port), target.hostname);
      const link = new Link(client, server, () => this.#links.delete(link));
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
    this.count[how] += this.#links.size;
    if (how !== "half-open") return;
    this.#isDead = true;
    setTimeout(() => {
      this.#isDead = false;
    }, forMs).unref();
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.reset();
    await new Promise((resolve) => this.#listening.close(resolve));
  }
}
