// AWS Lambda: an SQS batch whose failed messages alone come back (`ReportBatchItemFailures`), and an EventBridge schedule. Shapes:
// docs.aws.amazon.com/lambda, "Using Lambda with Amazon SQS" and "Invoke a function on a schedule".
import { handleSafely, type OpenInvocation, wantsRedelivery, withInvocation } from "./invocation.ts";

/** One message of an SQS event. */
export interface SqsRecord {
  messageId: string;
  body: string;
  attributes?: { ApproximateReceiveCount?: string };
}

/** The event of an SQS trigger. */
export interface SqsEvent {
  Records: readonly SqsRecord[];
}

/** What an SQS trigger is answered: the messages that are to be delivered again. */
export interface SqsBatchResponse {
  batchItemFailures: Array<{ itemIdentifier: string }>;
}

/** The part of Lambda's context that is used. */
export interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

/** Makes the handler of an SQS trigger with `ReportBatchItemFailures`. */
export function createSqsHandler(
  open: OpenInvocation<[context: LambdaContext]>,
): (event: SqsEvent, context: LambdaContext) => Promise<SqsBatchResponse> {
  return (event, context) =>
    withInvocation(open(context), async (host) => {
      const budgetMs = context.getRemainingTimeInMillis();
      const handle = async ({ messageId, body }: SqsRecord): Promise<Array<{ itemIdentifier: string }>> => {
        const result = await handleSafely(host, parsed(body), { budgetMs });
        return wantsRedelivery(result) ? [{ itemIdentifier: messageId }] : [];
      };
      return { batchItemFailures: (await Promise.all(event.Records.map(handle))).flat() };
    });
}

/** Makes the handler of an EventBridge schedule: one maintenance tick; its result is the function's. */
export function createScheduleHandler(
  open: OpenInvocation<[context: LambdaContext]>,
): (event: unknown, context: LambdaContext) => Promise<unknown> {
  return (_, context) => withInvocation(open(context), (host) => host.runMaintenanceTick({ budgetMs: context.getRemainingTimeInMillis() }));
}

/** What is no JSON is no job, and is told so once. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
