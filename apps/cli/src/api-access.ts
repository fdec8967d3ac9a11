// Who may use the API that `serve` opens. The bearer of a token, always, once it is reachable from elsewhere; on this machine alone the token
// is made up when none is given, and may be waived. Without one, only what this machine's own programs ask for is answered: a web page
// that sends requests here, or that had its name pointed at this machine, is not.
import { randomBytes } from "node:crypto";
import { type Authorize, bearerToken } from "@bratsos/workflow-engine-http";
import { UsageError } from "./usage-error.ts";

/** Variable of the environment that holds the token, where process lists do not show it. */
export const tokenVariable = "WORKFLOW_ENGINE_TOKEN";
const leastLength = 16;

/** How requests are let in. */
export interface ApiAccess {
  authorize: Authorize;
  /** The token that was made up; null when the caller knows it, or needs none. */
  madeToken: string | null;
}

/** Decides how an API on this host is protected; `token` is false for none. Throws UsageError. */
export function apiAccess(host: string, token: string | false | undefined, environment: NodeJS.ProcessEnv): ApiAccess {
  const isLocal = isLoopback(host);
  const given = token === undefined ? environment[tokenVariable] : token;
  const hint = `Set ${tokenVariable}, or pass --token, e.g. from: openssl rand -base64 32`;
  if (given === false) {
    if (!isLocal) throw new UsageError(`${host} is reachable from other machines: --no-token is for loopback only`, hint);
    return { authorize: ({ request }) => isFromHere(request), madeToken: null };
  }
  if (given === undefined || given === "") {
    if (!isLocal) throw new UsageError(`${host} is reachable from other machines: it needs a token`, hint);
    const made = randomBytes(24).toString("base64url");
    return { authorize: withToken(made), madeToken: made };
  }
  if (given.length < leastLength && !isLocal) throw new UsageError(`The token is shorter than ${leastLength} characters`, hint);
  return { authorize: withToken(given), madeToken: null };
}

/** Whoever asks only whether the server is well needs no token: load balancers have none. */
function withToken(token: string): Authorize {
  const bearer = bearerToken(token);
  return (context) => context.action === "health.read" || bearer(context);
}

/** True for addresses that this machine alone reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

function isFromHere(request: Request): boolean {
  const { host, hostname } = new URL(request.url);
  const origin = request.headers.get("origin");
  const isCrossSite = request.headers.get("sec-fetch-site") === "cross-site";
  return isLoopback(hostname) && !isCrossSite && (origin === null || (URL.canParse(origin) && new URL(origin).host === host));
}
