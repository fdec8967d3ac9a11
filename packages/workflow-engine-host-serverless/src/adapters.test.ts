// The adapters, with the events and answers that the platforms document: SQS and EventBridge as AWS prints them, route handlers with real
// Requests. Cloudflare's runs on workerd, in workerd.test.ts.
import { describe, expect, it } from "vitest";
import { createScheduleHandler, createSqsHandler, type SqsEvent } from "./aws-lambda.ts";
import { createCloudflareHandlers, delaySecondsOf } from "./cloudflare.ts";
import { createDenoHandlers } from "./deno.ts";
import type { JobMessage } from "./job-message.ts";
import { openPlatform, step, workflowOf } from "./platform.test-fixture.ts";
import { createRouteHandlers } from "./web.ts";

/** A message as AWS prints it in "Using Lambda with Amazon SQS". */
function sqsEvent(...bodies: string[]): SqsEvent {
  return {
    Records: bodies.map((body, i) => ({
      messageId: `059f36b4-87a3-44ab-83d2-66197597507${i}`,
      receiptHandle: "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
      body,
      attributes: {
        ApproximateReceiveCount: "1",
        SentTimestamp: "1545082649183",
        SenderId: "AIDAIENQZJOLO23YVJ4VO",
        ApproximateFirstReceiveTimestamp: "1545082649185",
      },
      messageAttributes: {},
      md5OfBody: "e4e68fb7bd0e697a0ae8f1bb342846b3",
      eventSource: "aws:sqs",
      eventSourceARN: "arn:aws:sqs:us-east-2:123456789012:my-queue",
      awsRegion: "us-east-2",
    })),
  };
}

/** A scheduled event as AWS prints it in "Using Lambda with Amazon EventBridge Scheduler". */
const scheduled = {
  version: "0",
  id: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
  "detail-type": "Scheduled Event",
  source: "aws.events",
  account: "123456789012",
  time: "2015-10-08T16:53:06Z",
  region: "us-east-1",
  resources: ["arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule"],
  detail: {},
};

const context = { functionName: "fn", awsRequestId: "1", getRemainingTimeInMillis: () => 30_000 };

/** Fails once, at run 1. */
const once = () =>
  workflowOf(
    step("a", ({ attempt, input }) => {
      if (attempt === 1 && (input as { n: number }).n === 1) throw new Error("once");
      return "done";
    }),
  );

function open() {
  const platform = openPlatform(once());
  const seen = { opened: 0, closed: 0 };
  const invocation = () => {
    seen.opened++;
    return { host: platform.host, close: async () => void seen.closed++ };
  };
  return { ...platform, seen, invocation };
}

describe("AWS Lambda", () => {
  it("SQS: only what is to come again is reported, and a body that is no job is not", async () => {
    const { create, sent, invocation, seen, store } = open();
    const runIds = [await create(), await create()];
    const handler = createSqsHandler(invocation);
    const event = sqsEvent(...sent.map((message) => JSON.stringify(message)), "no json", '{"jobId":"x"}');
    expect(await handler(event, context)).toEqual({ batchItemFailures: [{ itemIdentifier: "059f36b4-87a3-44ab-83d2-661975975070" }] });
    const again = sqsEvent(event.Records[0]?.body ?? "");
    expect(await handler(again, context)).toEqual({ batchItemFailures: [] });
    for (const runId of runIds) expect(await store.persistence.getRunStatus(runId)).toBe("COMPLETED");
    expect(seen).toEqual({ opened: 2, closed: 2 });
  });

  it("SQS: what the remaining time does not allow comes again, with its attempt", async () => {
    const { create, sent, invocation, stageOf } = open();
    const runId = await create();
    const late = { getRemainingTimeInMillis: () => 0 };
    const answer = await createSqsHandler(invocation)(sqsEvent(JSON.stringify(sent[0])), late);
    expect(answer.batchItemFailures).toHaveLength(1);
    expect(await stageOf(runId, "a")).toMatchObject({ status: "PENDING", attempt: 0 });
  });

  it("EventBridge: one tick a schedule", async () => {
    const { kernel, invocation, sent, seen } = open();
    await kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "w", input: { n: 2 } });
    expect(await createScheduleHandler(invocation)(scheduled, context)).toMatchObject({ claimed: 1 });
    expect([sent.length, seen.closed]).toEqual([1, 1]);
  });

  it("a store out of reach: the message comes again, and the invocation is closed", async () => {
    const { create, sent, seen } = open();
    await create();
    const host = { handleJob: () => Promise.reject(new Error("down")) } as never;
    const handler = createSqsHandler(() => ({ host, close: async () => void seen.closed++ }));
    expect((await handler(sqsEvent(JSON.stringify(sent[0])), context)).batchItemFailures).toHaveLength(1);
    expect(seen.closed).toBe(1);
  });
});

describe("route handlers", () => {
  const secret = "s3cret";
  const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
  const post = (body: unknown, given: Record<string, string> = headers): Request =>
    new Request("https://app.example/api/jobs", { method: "POST", headers: given, body: JSON.stringify(body) });

  it("POST: 200 when the job may be forgotten, 503 with Retry-After when it is to come again", async () => {
    const { create, sent, invocation } = open();
    await create();
    const { POST } = createRouteHandlers(invocation, { secret });
    const first = await POST(post(sent[0]));
    expect([first.status, Number(first.headers.get("retry-after")) > 0]).toEqual([503, true]);
    const second = await POST(post(sent[0]));
    expect([second.status, await second.json()]).toEqual([200, { outcome: "completed" }]);
    expect((await POST(post({ no: "job" }))).status).toBe(200);
  });

  it("GET: one tick, then jobs that wait in the store", async () => {
    const platform = openPlatform(once(), "store");
    await platform.kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "w", input: { n: 2 } });
    const { GET } = createRouteHandlers(() => ({ host: platform.host }), { secret });
    const answer = await GET(new Request("https://app.example/api/cron", { headers }));
    expect(await answer.json()).toMatchObject({ claimed: 1, processed: 1, succeeded: 1, failed: 0 });
  });

  it("closed to everybody without the secret, and when none is set", async () => {
    const { create, sent, invocation, seen } = open();
    await create();
    for (const [given, set] of [
      [{}, secret],
      [{ authorization: "Bearer wrong" }, secret],
      [{ authorization: "Bearer " }, ""],
      [{ authorization: "Bearer undefined" }, undefined],
    ] as const) {
      const { GET, POST } = createRouteHandlers(invocation, { secret: set });
      expect((await POST(post(sent[0], { ...given }))).status).toBe(401);
      expect((await GET(new Request("https://app.example/api/cron", { headers: { ...given } }))).status).toBe(401);
    }
    expect(seen.opened).toBe(0);
  });
});

describe("Deno", () => {
  it("a listener throws for what is to come again; the cron ticks and works", async () => {
    const { create, sent, invocation, store } = open();
    const runId = await create();
    const { onMessage, onCron } = createDenoHandlers(invocation);
    await expect(onMessage(sent[0])).rejects.toThrow("once");
    await onMessage(sent[0]);
    await onMessage("no job");
    await onCron();
    expect(await store.persistence.getRunStatus(runId)).toBe("COMPLETED");
  });
});

describe("Cloudflare Workers", () => {
  it("each message of a batch is acknowledged or retried by itself, the batch on one invocation", async () => {
    const { create, sent, invocation, seen } = open();
    await Promise.all([create(), create()]);
    const calls: string[] = [];
    const messageOf = (body: unknown, id: string) => ({
      ...{ id, body, timestamp: new Date(0), attempts: 1 },
      ack: () => void calls.push(`${id} ack`),
      retry: (options?: { delaySeconds?: number }) => void calls.push(`${id} retry ${(options?.delaySeconds ?? 0) > 0}`),
    });
    const bodies: Array<JobMessage | string> = [...sent, "no job"];
    const batch = { queue: "jobs", messages: bodies.map((body, i) => messageOf(body, `m${i}`)) };
    await createCloudflareHandlers(invocation).queue(batch, {});
    expect(calls.toSorted()).toEqual(["m0 retry true", "m1 ack", "m2 ack"]);
    expect(seen).toEqual({ opened: 1, closed: 1 });
    await createCloudflareHandlers(invocation).scheduled({ scheduledTime: 0 }, {});
    expect(seen).toEqual({ opened: 2, closed: 2 });
  });

  it("delays are whole seconds, 12 hours at most", () => {
    expect([0, 1, 1_001, 1e9, undefined].map((ms) => delaySecondsOf(ms))).toEqual([0, 1, 2, 43_200, 1]);
  });
});
