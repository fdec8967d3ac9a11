// Hears what other processes announce (P16): LISTEN on a connection of its own, made again when it breaks. What was said meanwhile is
// lost, so everybody then looks for themselves; without LISTEN they do so every second.
import type { Environment } from "../../ports/environment.ts";
import type { StoreSignal } from "../../ports/store.ts";
import { byteLength } from "../../store/json-text.ts";
import { quoteName } from "./postgres-names.ts";
import type { PgListener } from "./postgres-pool.ts";

const POLL_MS = 1_000;
const pauses = { first: 100, longest: 5_000 };
/** Ends that one message names; more are told as "some". PostgreSQL takes 8,000 bytes. */
const mostEnded = 100;
const mostBytes = 7_000;

/** Anything may have happened. */
const anything: StoreSignal = { hasWork: true, hasEvents: true, mayHaveLost: true, wakeAt: null, ended: null };

/** A signal as a message; `sender` knows its own again, and `at` is its time. */
export function encodeSignal(sender: string, { hasWork, hasEvents, mayHaveLost, wakeAt, ended }: StoreSignal, at: number): string {
  const flags = (hasWork ? 1 : 0) | (hasEvents ? 2 : 0) | (mayHaveLost ? 4 : 0);
  const some = JSON.stringify([sender, at, flags, wakeAt, null]);
  if (ended === null || ended.length > mostEnded) return some;
  const all = JSON.stringify([sender, at, flags, wakeAt, ended]);
  return byteLength(all) <= mostBytes ? all : some;
}

/** The sender, its time and the signal of a message; of one that is none of ours nobody knows what it says. */
export function decodeSignal(payload: string): { sender: string; at: number; signal: StoreSignal } {
  const message = parsed(payload);
  if (!message) return { sender: "", at: 0, signal: anything };
  const [sender, at, flags, wakeAt, ended] = message;
  return { sender, at, signal: { hasWork: (flags & 1) > 0, hasEvents: (flags & 2) > 0, mayHaveLost: (flags & 4) > 0, wakeAt, ended } };
}

type Message = [sender: string, at: number, flags: number, wakeAt: number | null, ended: string[] | null];

function parsed(payload: string): Message | null {
  try {
    const message: unknown = JSON.parse(payload);
    return Array.isArray(message) && message.length === 5 ? (message as Message) : null;
  } catch {
    return null;
  }
}

/** What a listener works with. */
export interface ListenerParts {
  readonly channel: string;
  /** Messages of this sender are our own. */
  readonly sender: string;
  readonly environment: Environment;
  /** Milliseconds without an answer after which the connection counts as broken; it is asked as often. */
  readonly answerTimeoutMs: number;
  /** A new connection; null where nobody is to be listened to. */
  createConnection: (() => Promise<PgListener>) | null;
}

/** Listens from the moment it is made until it is closed. */
export class PostgresListener {
  readonly #parts: ListenerParts;
  readonly #heard: (signal: StoreSignal, at: number) => void;
  #connection: PgListener | null = null;
  /** Has been asked whether it lives, and has not answered yet. */
  #asked: PgListener | null = null;
  #cancelTimer: (() => void) | null = null;
  #isClosed = false;
  #pause = pauses.first;

  /** `heard` is called with a signal and the time of its sender; 0 where nobody said anything. */
  constructor(parts: ListenerParts, heard: (signal: StoreSignal, at: number) => void) {
    this.#parts = parts;
    this.#heard = heard;
    if (parts.createConnection) void this.#connect();
    else this.#poll();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#drop(this.#connection);
  }

  /** Asks at once whether the connection lives. */
  check(): void {
    if (this.#connection) void this.#ask(this.#connection);
  }

  #poll(): void {
    this.#after(POLL_MS, () => {
      this.#heard(anything, 0);
      this.#poll();
    });
  }

  async #connect(): Promise<void> {
    let connection: PgListener | null = null;
    try {
      const made = await this.#parts.createConnection!();
      connection = made;
      // an error without a listener would end the process
      made.on("error", () => this.#reconnect(made));
      made.on("end", () => this.#reconnect(made));
      made.on("notification", ({ payload }) => this.#hear(payload));
      await made.connect();
      await made.query({ text: `LISTEN ${quoteName(this.#parts.channel)}`, query_timeout: this.#parts.answerTimeoutMs });
      if (this.#isClosed) return this.#drop(made);
      unref(made);
      this.#connection = made;
      this.#pause = pauses.first;
      this.#ping(made);
      // what was said before is lost
      this.#heard(anything, 0);
    } catch {
      this.#drop(connection);
      this.#again();
    }
  }

  #hear(payload: string | undefined): void {
    if (!payload || this.#isClosed) return;
    const { sender, at, signal } = decodeSignal(payload);
    if (sender !== this.#parts.sender) this.#heard(signal, at);
  }

  /** Half of a broken connection may never say so. */
  #ping(connection: PgListener): void {
    this.#after(this.#parts.answerTimeoutMs, () => void this.#ask(connection));
  }

  async #ask(connection: PgListener): Promise<void> {
    if (this.#asked === connection) return;
    this.#asked = connection;
    try {
      await connection.query({ text: "SELECT 1", query_timeout: this.#parts.answerTimeoutMs });
      if (this.#connection === connection && !this.#isClosed) this.#ping(connection);
    } catch {
      this.#reconnect(connection);
    } finally {
      if (this.#asked === connection) this.#asked = null;
    }
  }

  #reconnect(connection: PgListener): void {
    if (this.#isClosed || this.#connection !== connection) return;
    this.#connection = null;
    this.#drop(connection);
    this.#again();
  }

  #again(): void {
    if (this.#isClosed) return;
    const { random } = this.#parts.environment;
    this.#after(this.#pause * (0.5 + random()), () => void this.#connect());
    this.#pause = Math.min(this.#pause * 2, pauses.longest);
    // nobody calls while there is no connection
    this.#heard(anything, 0);
  }

  #after(ms: number, then: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#parts.environment.setTimer(ms, () => {
      if (!this.#isClosed) then();
    });
  }

  #drop(connection: PgListener | null): void {
    connection?.end().catch(() => undefined);
  }
}

/** Listening alone keeps no process alive. */
function unref(connection: PgListener): void {
  (connection as { unref?: () => void }).unref?.();
}
