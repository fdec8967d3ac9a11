// Functions behind HTTP: Vercel and Next.js route handlers, and any platform of Request and Response. A push queue POSTs a job and reads
// from the status whether to deliver it again; a cron job GETs. Both must carry the secret: `Authorization: Bearer <secret>`, as Vercel Cron sends it.
import { handleSafely, type OpenInvocation, wantsRedelivery, withInvocation } from "./invocation.ts";

/** Options of the route handlers. */
export interface RouteOptions {
  /** What callers must send as a bearer token. Without one every request is refused with 401. */
  secret: string | undefined;
  /** Milliseconds a request may take (Vercel: `maxDuration`); default 60 s. */
  budgetMs?: number | undefined;
  /** Jobs of the store that a cron request executes after its tick; default 10, 0 for none where a queue delivers them. */
  maxJobs?: number | undefined;
}

/** Route handlers by method. */
export interface RouteHandlers {
  /** Handles one job: 200 when it may be forgotten, 503 with Retry-After when it is to be delivered again. */
  POST(request: Request): Promise<Response>;
  /** One maintenance tick, then jobs that wait in the store. */
  GET(request: Request): Promise<Response>;
}

const defaultBudgetMs = 60_000;

/** Makes route handlers: `export const { GET, POST } = createRouteHandlers(open, { secret: process.env.CRON_SECRET })`. */
export function createRouteHandlers(open: OpenInvocation<[request: Request]>, options: RouteOptions): RouteHandlers {
  const { secret, budgetMs = defaultBudgetMs, maxJobs = 10 } = options;
  return {
    POST: async (request) => {
      if (!(await isAllowed(request, secret))) return refused();
      const body: unknown = await request.json().catch(() => undefined);
      return withInvocation(open(request), async (host) => {
        const result = await handleSafely(host, body, { budgetMs });
        if (!wantsRedelivery(result)) return Response.json(result);
        return Response.json(result, {
          status: 503,
          headers: { "retry-after": String(Math.ceil((result.retryAfterMs ?? 1_000) / 1_000)) },
        });
      });
    },
    GET: async (request) => {
      if (!(await isAllowed(request, secret))) return refused();
      return withInvocation(open(request), async (host) => {
        const tick = await host.runMaintenanceTick({ budgetMs });
        const jobs = await host.processAvailableJobs({ maxJobs, budgetMs });
        return Response.json({ ...tick, ...jobs });
      });
    },
  };
}

function refused(): Response {
  return Response.json({ error: "Unauthorized" }, { status: 401 });
}

/** Compares digests, so that the time it takes says nothing about the secret. */
async function isAllowed(request: Request, secret: string | undefined): Promise<boolean> {
  if (!secret) return false;
  const given = request.headers.get("authorization")?.replace(/^Bearer /i, "") ?? "";
  const [a, b] = await Promise.all([digest(given), digest(secret)]);
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
