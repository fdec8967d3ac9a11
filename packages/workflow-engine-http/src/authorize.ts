// Who may do what: every request is closed until the application's own `authorize` says yes.

/** What a request is about to do; stable names to decide on. */
export type ApiAction =
  | "runs.list"
  | "runs.create"
  | "runs.read"
  | "runs.cancel"
  | "runs.rerun"
  | "runs.delete"
  | "events.read"
  | "deadLetters.read"
  | "deadLetters.replay"
  | "workflows.read"
  | "health.read"
  | "openapi.read";

/** What is known of a request when it is authorised. The body has not been read. */
export interface AuthorizationContext {
  request: Request;
  action: ApiAction;
  /** The run in the address, for actions on one. */
  workflowRunId?: string | undefined;
}

/** Yes, no (403), or: say first who you are (401). */
export type Authorization = boolean | "unauthenticated";

/** Decides on each request. Only `true` opens; a throw closes with 403. */
export type Authorize = (context: AuthorizationContext) => Authorization | Promise<Authorization>;

/** Asks for `Authorization: Bearer <token>`; compared by digest, in a time that tells nothing of the token. Throws on an empty token. */
export function bearerToken(token: string): Authorize {
  if (token === "")
    throw new TypeError("bearerToken: the token is empty, which would let nobody and everybody in. Pass a long random text.");
  const expected = digest(token);
  return async ({ request }) => {
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (given === undefined) return "unauthenticated";
    return isEqual(await digest(given), await expected) ? true : "unauthenticated";
  };
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
