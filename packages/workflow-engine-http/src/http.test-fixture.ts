// An API over a store of each kind with a worker on it, and a way to ask it. Not part of the build.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createKernel,
  createMemoryStore,
  createPluginRunner,
  createRegistry,
  definePlugin,
  defineStage,
  defineWorkflow,
} from "@bratsos/workflow-engine";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { z } from "zod";
import { createTestDatabase } from "../../../tools/postgres/test-databases.ts";
import type { HttpApiOptions } from "./api-parts.ts";
import { createHttpApi, type HttpApi } from "./create-http-api.ts";

const words = defineStage({
  id: "join",
  name: "Join",
  schemas: {
    input: z.object({ words: z.array(z.string().max(200)).max(50), mode: z.enum(["plain", "fail", "wait"]).default("plain") }),
    output: z.object({ text: z.string() }),
    config: z.object({ separator: z.string().default(" ") }),
  },
  retry: { maxAttempts: 1 },
  async execute(ctx) {
    ctx.log("INFO", "joining");
    if (ctx.input.mode === "fail") throw new Error("told to fail");
    if (ctx.input.mode === "wait") await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    return { output: { text: ctx.input.words.join(ctx.config.separator) }, artifacts: { "a/b c": { kept: true } } };
  },
});

const count = defineStage({
  id: "count",
  name: "Count",
  schemas: { input: z.object({ text: z.string() }), output: z.object({ length: z.number() }), config: z.object({}) },
  execute: async (ctx) => ({ output: { length: ctx.input.text.length } }),
});

const talk = defineStage({
  id: "talk",
  name: "Talk",
  schemas: { input: z.object({ times: z.number().int() }), output: z.object({ said: z.number() }), config: z.object({}) },
  async execute(ctx) {
    for (let i = 1; i <= ctx.input.times; i++) {
      ctx.onProgress({ progress: i / ctx.input.times, message: `word ${i} ${"x".repeat(200)}` });
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return { output: { said: ctx.input.times } };
  },
});

/** Joins words and counts letters. */
export const countLetters = defineWorkflow({ id: "count-letters", name: "Count letters", input: words.inputSchema })
  .pipe(words)
  .pipe(count)
  .build();
/** Tells its progress as often as it is asked to. */
export const talker = defineWorkflow({ id: "talker", name: "Talker", input: talk.inputSchema }).pipe(talk).build();

const deaf = definePlugin({
  id: "deaf",
  name: "Deaf",
  on: ["workflow:failed"],
  handle: async () => {
    throw new Error("cannot hear");
  },
});

type TestStore = ReturnType<typeof createMemoryStore> | ReturnType<typeof createSqliteStore>;

/** What is open. */
export interface Bench {
  api: HttpApi;
  errors: unknown[];
  store: TestStore;
  ask(path: string, init?: RequestInit & { json?: unknown }): Promise<Response>;
  close(): Promise<void>;
}

/** The stores that the tests run on. */
export const storeNames = ["memory", "SQLite", "PostgreSQL"] as const;

/** A store of this kind with nothing in it, and how to take away what it leaves. */
async function openStore(kind: (typeof storeNames)[number]): Promise<{ store: TestStore; remove(): Promise<void> }> {
  if (kind === "memory") return { store: createMemoryStore(), remove: async () => undefined };
  if (kind === "PostgreSQL") {
    const database = await createTestDatabase();
    return { store: createPostgresStore({ connectionString: database.url }), remove: () => database.drop() };
  }
  const folder = await mkdtemp(join(tmpdir(), "http-api-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  return { store: createSqliteStore({ path: join(folder, "runs.db") }), remove };
}

/** Opens an API on a store of this kind. */
export async function openBench(
  kind: (typeof storeNames)[number],
  { works = true, plugins = [deaf], ...options }: Partial<HttpApiOptions> & { works?: boolean; plugins?: (typeof deaf)[] } = {},
): Promise<Bench> {
  const { store, remove } = await openStore(kind);
  await store.migrate();
  const kernel = createKernel({
    ...store,
    registry: createRegistry([countLetters, talker]),
    eventSink: createPluginRunner({ plugins, maxRetries: 1 }),
  });
  const host = createNodeHost({ kernel, workerId: "w1", handleSignals: false });
  if (works) await host.start();
  const errors: unknown[] = [];
  const api = createHttpApi({ kernel, store, authorize: () => true, onError: (error) => errors.push(error), ...options });
  return {
    ...{ api, errors, store },
    ask: (path, { json, ...init } = {}) => {
      const headers = { ...(json !== undefined && { "content-type": "application/json" }), ...(init.headers as Record<string, string>) };
      const body = json === undefined ? {} : { method: "POST", body: JSON.stringify(json) };
      return api.fetch(new Request(`http://api.test${path}`, { ...body, ...init, headers }));
    },
    close: async () => {
      api.close();
      await host.stop();
      await store.close();
      await remove();
    },
  };
}

/** Asks until the answer is right. */
export async function until<T>(ask: () => Promise<T>, isRight: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (isRight(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
