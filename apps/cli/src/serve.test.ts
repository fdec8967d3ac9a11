// `serve` as a person types it: the real bin, a real port, and requests over it.
import { request as send } from "node:http";
import { createClient } from "@bratsos/workflow-engine-http/client";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { apiAccess, isLoopback } from "./api-access.ts";
import { CliFolder, type CliProcess, fixturePath } from "./fixture/cli-process.ts";

let folder: CliFolder;
beforeEach(() => {
  folder = new CliFolder();
});
afterEach(() => folder.remove());

async function waitFor(process: CliProcess, pattern: RegExp): Promise<string> {
  for (;;) {
    const found = pattern.exec(process.stdout)?.[1];
    if (found !== undefined) return found;
    const ended = await Promise.race([process.ended, new Promise<null>((resolve) => setTimeout(resolve, 20, null))]);
    if (ended) throw new Error(`ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
  }
}

const press = fixturePath("press");
const serve = (...args: string[]): CliProcess => folder.start("serve", press, "--port", "0", ...args);

/** The status of a GET with headers that fetch would not send. */
function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    send(url, { headers }, (response) => resolve(response.resume().statusCode!))
      .on("error", reject)
      .end();
  });
}

test("serve answers the bearer of the token it prints, works on what is started, and stops in order", async () => {
  const server = serve();
  const baseUrl = await waitFor(server, /on (http:\/\/127\.0\.0\.1:\d+)/);
  const token = await waitFor(server, /Token: (\S{32})/);
  await waitFor(server, /(openapi\.json)/);
  expect((await fetch(`${baseUrl}/runs`)).status).toBe(401);
  expect(await (await fetch(`${baseUrl}/health`)).json()).toEqual({ status: "ok" });

  const client = createClient({ baseUrl, token });
  const [workflow] = await client.listWorkflows();
  const run = await client.start(workflow!.id, { journal: folder.journal, title: "Atlas" });
  const events = [];
  for await (const { type } of run.events()) events.push(type);
  expect([events[0], events.at(-1)]).toEqual(["workflow:created", "workflow:completed"]);
  expect(await run.result()).toEqual({ book: "Atlas", copies: 20 });

  const stop = new AbortController();
  const listening = client
    .events({ signal: stop.signal })
    .next()
    .catch(() => "over");
  server.kill("SIGTERM");
  const { code, stderr } = await server.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  stop.abort();
  expect(await listening).toBe("over");
});

test("--no-token lets in what this machine's programs ask for, and no web page", async () => {
  const server = serve("--no-token");
  const url = `${await waitFor(server, /on (http:\/\/127\.0\.0\.1:\d+)/)}/runs`;
  const { host } = new URL(url);
  expect(await statusOf(url, {})).toBe(200);
  expect(await statusOf(url, { origin: `http://${host}` })).toBe(200);
  for (const headers of [
    { origin: "https://evil.example" },
    { origin: "null" },
    { host: "evil.example" },
    { "sec-fetch-site": "cross-site" },
  ]) {
    expect(await statusOf(url, headers as Record<string, string>), JSON.stringify(headers)).toBe(403);
  }
});

test("--no-work starts runs and leaves them to a worker", async () => {
  const server = serve("--no-work", "--token", "a-token-of-mine");
  const baseUrl = await waitFor(server, /on (http:\/\/127\.0\.0\.1:\d+)/);
  await waitFor(server, /(a worker elsewhere)/);
  expect(server.stdout).not.toContain("a-token-of-mine");
  const client = createClient({ baseUrl, token: "a-token-of-mine" });
  const [workflow] = await client.listWorkflows();
  const run = await client.start(workflow!.id, { journal: folder.journal, title: "Atlas" });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect((await run.detail()).run.status).toBe("PENDING");
  folder.start("worker", press);
  expect(await run.result()).toMatchObject({ book: "Atlas" });
});

test.each([
  [["--host", "0.0.0.0"], /needs a token/],
  [["--host", "0.0.0.0", "--no-token"], /loopback only/],
  [["--host", "0.0.0.0", "--token", "short"], /shorter than 16/],
  [["--port", "99999"], /at most 65535/],
  [["--host", "192.0.2.1", "--token", "long-enough-for-a-token"], /no address of this machine/],
])("serve %j is wrong usage", async (args, message) => {
  const { code, stderr } = await folder.run("serve", press, ...(args.includes("--port") ? [] : ["--port", "0"]), ...args);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
});

test("a port that is taken is wrong usage", async () => {
  const first = serve();
  const port = await waitFor(first, /127\.0\.0\.1:(\d+)/);
  const { code, stderr } = await folder.run("serve", press, "--port", port);
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(/is taken/) });
});

describe("access", () => {
  it("knows which addresses are this machine's alone", () => {
    for (const host of ["localhost", "127.0.0.1", "127.8.0.1", "::1"]) expect(isLoopback(host), host).toBe(true);
    for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.evil.example", "localhost.evil.example"])
      expect(isLoopback(host), host).toBe(false);
  });

  it("takes the token from the environment", () => {
    const token = "x".repeat(16);
    expect(apiAccess("0.0.0.0", undefined, { WORKFLOW_ENGINE_TOKEN: token }).madeToken).toBeNull();
    expect(() => apiAccess("0.0.0.0", undefined, {})).toThrow(/needs a token/);
  });
});
