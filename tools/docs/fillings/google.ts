// Google's models for pages that call them: a local server that speaks its protocol, reached under its address.
import { createMemoryStore } from "@bratsos/workflow-engine";
import { startProviderServer } from "@bratsos/workflow-engine/testing";

const server = await startProviderServer();
const { fetch: reach } = globalThis;
process.env["GOOGLE_GENERATIVE_AI_API_KEY"] = "a key for the local server";
globalThis.fetch = (input, init) => {
  const address = new URL(input instanceof Request ? input.url : input);
  if (address.hostname !== "generativelanguage.googleapis.com") return reach(input, init);
  return reach(new URL(address.pathname + address.search, server.url), init);
};

export const { aiCallLogger } = createMemoryStore();
