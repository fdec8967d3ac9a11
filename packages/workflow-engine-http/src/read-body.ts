// A request's JSON body: of the right type, no larger and no deeper than allowed. Nothing is parsed before all that is known, so that a
// huge or hostile body costs what it has sent so far and no more.
import { ApiProblem } from "./problem.ts";

/** Objects and arrays in each other, at most: deeper ones exhaust the stack of whoever walks them. */
const MAX_DEPTH = 128;

/** Reads the body as JSON; undefined when there is none. Throws ApiProblem 400, 413 or 415. */
export async function readBody(request: Request, maxBytes: number): Promise<unknown> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const text = await readText(request, maxBytes);
  if (text === "") return undefined;
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/([\w.+-]+\+)?json *(;|$)/i.test(type)) {
    throw new ApiProblem(
      415,
      "UNSUPPORTED_MEDIA_TYPE",
      `The body must be JSON: send content-type application/json, not "${type.slice(0, 100)}".`,
    );
  }
  if (depthOf(text) > MAX_DEPTH) throw invalid(`it is nested more than ${MAX_DEPTH} levels deep`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : "it cannot be parsed");
  }
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  if (request.body === null) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      bytes += value.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    if (error instanceof ApiProblem) throw error;
    throw invalid(error instanceof TypeError ? "it is not UTF-8, or it broke off" : "it could not be read");
  }
}

/** How deep objects and arrays are nested in a JSON text, without parsing it. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 0x22) i = endOfString(text, i + 1);
    else if (char === 0x5b || char === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (char === 0x5d || char === 0x7d) depth--;
  }
  return deepest;
}

function endOfString(text: string, start: number): number {
  let i = start;
  while (i < text.length && text.charCodeAt(i) !== 0x22) i += text.charCodeAt(i) === 0x5c ? 2 : 1;
  return i;
}

function tooLarge(maxBytes: number): ApiProblem {
  return new ApiProblem(413, "BODY_TOO_LARGE", `The body is over the limit of ${maxBytes} bytes.`, { headers: { connection: "close" } });
}

function invalid(reason: string): ApiProblem {
  return new ApiProblem(400, "INVALID_BODY", `The body is no JSON we can read: ${reason}.`);
}
