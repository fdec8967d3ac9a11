// `workflow-engine-sync [file]`: writes OpenRouter's model list to a typed file, `src/models.generated.ts` unless named.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type ListedModel, modelFile } from "./model-file.ts";

const usage = "usage: workflow-engine-sync [file] [--url <OpenRouter API>] [--filter <text in the id>]";

/** Milliseconds until a list that does not come is given up. */
const patienceMs = 30_000;

/** Runs the command; answers its exit code: 1 when the list cannot be had within 30 seconds, 2 when the command is wrong. */
export async function syncModels(
  args: readonly string[],
  say: (line: string) => void = console.log,
  timeoutMs = patienceMs,
): Promise<number> {
  const options = parse(args);
  if (!options) {
    say(usage);
    return args.includes("--help") ? 0 : 2;
  }
  try {
    const listed = (await listModels(options.url, timeoutMs)).filter(({ id }) => id.includes(options.filter));
    if (listed.length === 0) throw new Error(`no model has "${options.filter}" in its id`);
    const path = resolve(options.file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.new`, modelFile(listed, new Date(Date.now()).toISOString().slice(0, 10)));
    await rename(`${path}.new`, path);
    say(`${listed.length} models written to ${path}. Import it once to register them.`);
    return 0;
  } catch (error) {
    say(`workflow-engine-sync: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function listModels(url: string, timeoutMs: number): Promise<ListedModel[]> {
  const response = await fetch(`${url}/models`, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`${url}/models answered ${response.status}`);
  const { data } = (await response.json()) as { data?: unknown };
  if (!Array.isArray(data)) throw new Error(`${url}/models did not answer a list of models`);
  return data.filter((model: ListedModel) => typeof model?.id === "string");
}

function parse(args: readonly string[]): { file: string; url: string; filter: string } | null {
  const options = { file: "src/models.generated.ts", url: "https://openrouter.ai/api/v1", filter: "" };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const value = args[i + 1];
    if ((arg === "--url" || arg === "--filter") && value !== undefined) {
      options[arg === "--url" ? "url" : "filter"] = value;
      i += 1;
    } else if (arg.startsWith("-")) return null;
    else options.file = arg;
  }
  return options;
}
