// Real calls recorded to a file and played again, so that a test of a workflow costs nothing: the first time the provider answers, from
// then on the file does. A call that the file does not know is an error when replaying, never a surprise on the bill.
import type {
  EmbeddingModelV4,
  EmbeddingModelV4Result,
  LanguageModelV4,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import type { ProviderResolver } from "../../ai/helper-types.ts";
import { resolveModel } from "../../ai/providers.ts";
import { canonicalJson, hashText } from "../../define/fingerprint.ts";
import { WorkflowEngineError } from "../../errors.ts";
import { streamOfParts } from "./mock-provider.ts";

/** `replay` never calls a provider, `record` always does, `auto` does what the file does not know. */
export type RecordingMode = "replay" | "record" | "auto";

/** Options of `createRecordedProvider`. */
export interface RecordedProviderOptions {
  /** Path of the JSON file. */
  file: string;
  /** Default `auto`. */
  mode?: RecordingMode | undefined;
  /** Makes the real models; default: the built-in providers. */
  inner?: ProviderResolver | undefined;
}

/** A resolver that records and plays. */
export interface RecordedProvider {
  readonly resolver: ProviderResolver;
  /** Calls answered by the file, and by a provider. */
  readonly counts: { played: number; recorded: number };
}

interface Recording {
  model: string;
  request: unknown;
  answers: unknown[];
}

type Tape = Record<string, Recording>;

/** Creates a resolver over a file of recorded calls; what it records holds prompts and answers, and no keys. */
export function createRecordedProvider({
  file,
  mode = "auto",
  inner = resolveModel as ProviderResolver,
}: RecordedProviderOptions): RecordedProvider {
  const deck = new Deck(file, mode);
  return {
    counts: deck.counts,
    resolver: (model, kind, wanted) => {
      const real = async (): Promise<unknown> => inner(model, kind, wanted);
      return kind === "language"
        ? languageModel(deck, model.provider, model.id, real)
        : embeddingModel(deck, model.provider, model.id, real);
    },
  };
}

function languageModel(deck: Deck, provider: string, modelId: string, real: () => Promise<unknown>): LanguageModelV4 {
  return {
    ...{ specificationVersion: "v4", provider, modelId, supportedUrls: {} },
    doGenerate: async ({ abortSignal, headers: _, ...request }) => {
      const ask = async (): Promise<LanguageModelV4GenerateResult> => {
        const { content, finishReason, usage, providerMetadata } = await ((await real()) as LanguageModelV4).doGenerate({
          ...request,
          ...(abortSignal && { abortSignal }),
        });
        return { content, finishReason, usage, ...(providerMetadata && { providerMetadata }), warnings: [] };
      };
      return deck.answer(modelId, { generate: request }, ask);
    },
    doStream: async ({ abortSignal, headers: _, ...request }) => {
      const ask = async (): Promise<LanguageModelV4StreamPart[]> => {
        const { stream } = await ((await real()) as LanguageModelV4).doStream({ ...request, ...(abortSignal && { abortSignal }) });
        const parts: LanguageModelV4StreamPart[] = [];
        for await (const part of stream as unknown as AsyncIterable<LanguageModelV4StreamPart>) {
          // it holds a Date, and who answered when is not part of the answer
          if (part.type !== "response-metadata" && part.type !== "raw") parts.push(part);
        }
        return parts;
      };
      const parts = await deck.answer(modelId, { stream: request }, ask);
      return { stream: streamOfParts(parts) };
    },
  };
}

function embeddingModel(deck: Deck, provider: string, modelId: string, real: () => Promise<unknown>): EmbeddingModelV4 {
  return {
    ...{ specificationVersion: "v4", provider, modelId, maxEmbeddingsPerCall: 100, supportsParallelCalls: false },
    doEmbed: async ({ abortSignal, headers: _, ...request }) => {
      const ask = async (): Promise<EmbeddingModelV4Result> => {
        const { embeddings, usage } = await ((await real()) as EmbeddingModelV4).doEmbed({
          ...request,
          ...(abortSignal && { abortSignal }),
        });
        return { embeddings, ...(usage && { usage }), warnings: [] };
      };
      return deck.answer(modelId, { embed: request }, ask);
    },
  };
}

/** The file, and how often each of its recordings has been played. */
class Deck {
  readonly counts = { played: 0, recorded: 0 };
  readonly #file: string;
  readonly #mode: RecordingMode;
  readonly #plays = new Map<string, number>();
  #tape: Promise<Tape> | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string, mode: RecordingMode) {
    this.#file = file;
    this.#mode = mode;
  }

  /** The same request is answered in the order it was recorded, the last answer again and again. */
  async answer<T>(model: string, request: unknown, ask: () => Promise<T>): Promise<T> {
    const tape = await (this.#tape ??= this.#load());
    const key = hashText(canonicalJson([model, JSON.parse(JSON.stringify(request))]));
    const played = this.#plays.get(key) ?? 0;
    this.#plays.set(key, played + 1);
    const known = tape[key]?.answers;
    if (this.#mode !== "record" && known && (played < known.length || this.#mode === "replay")) {
      this.counts.played += 1;
      return structuredClone(known[Math.min(played, known.length - 1)]) as T;
    }
    if (this.#mode === "replay") {
      throw new WorkflowEngineError(
        "NOT_CONFIGURED",
        `${this.#file} has no recording of this call of "${model}". Record it once with mode "auto".`,
      );
    }
    const answer = await ask();
    this.counts.recorded += 1;
    const answers = played === 0 && this.#mode === "record" ? [] : (known ?? []);
    tape[key] = { model, request, answers: [...answers, answer] };
    await this.#save(tape);
    return answer;
  }

  async #load(): Promise<Tape> {
    const { readFile } = await import("node:fs/promises");
    try {
      return JSON.parse(await readFile(this.#file, "utf8")) as Tape;
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return {};
      throw error;
    }
  }

  /** Whole, and one after the other: a file cut in half would be worse than none. */
  #save(tape: Tape): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const { mkdir, rename, writeFile } = await import("node:fs/promises");
      const { dirname } = await import("node:path");
      await mkdir(dirname(this.#file), { recursive: true });
      await writeFile(`${this.#file}.new`, `${JSON.stringify(tape, null, 2)}\n`);
      await rename(`${this.#file}.new`, this.#file);
    });
    return this.#writing;
  }
}
