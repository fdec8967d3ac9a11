// Calls to what lies outside: the worker may die before or after they happened, and their answer may be lost. Model calls are such calls.
import type { ProviderResolver } from "../../ai/helper-types.ts";
import { send } from "./gate.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

const kinds = ["crash", "zombie", "provider-timeout", "slow-call"] as const;

/** Calls something outside. */
export function callOutside<T>(
  world: World,
  process: SimulatedProcess,
  name: string,
  effect: () => T | Promise<T>,
  tokensOf?: (answer: T) => number,
): Promise<T> {
  const isModel = tokensOf !== undefined;
  const seen = { name, isModel, worker: process.label, at: world.time.now, wasDone: false, tokens: 0 };
  world.seen.calls.push(seen);
  const done = async (): Promise<T> => {
    seen.wasDone = true;
    world.tell(process.label, `outside: ${name}`);
    const answer = await effect();
    seen.tokens = tokensOf?.(answer) ?? 0;
    return answer;
  };
  return send(world, process, { name, kinds, weight: 3, effect: done, describe: () => null });
}

const modelMethods: ReadonlySet<string | symbol> = new Set(["doGenerate", "doStream", "doEmbed"]);

/** The same models, whose requests are calls to the outside. */
export function watchModels(world: World, process: SimulatedProcess, resolver: ProviderResolver): ProviderResolver {
  return async (model, kind, wanted) => {
    const made = (await resolver(model, kind, wanted)) as object;
    return new Proxy(made, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property, target);
        if (typeof member !== "function" || !modelMethods.has(property)) return member;
        return (options: unknown) => callOutside(world, process, `model ${model.key}`, () => member.call(target, options), tokensOf);
      },
    });
  };
}

/** What a provider bills for an answer: that of a stream is not known before it ends. */
function tokensOf(answer: unknown): number {
  const { usage = {} } = (answer ?? {}) as {
    usage?: { tokens?: number; inputTokens?: { total?: number }; outputTokens?: { total?: number } };
  };
  return (usage.tokens ?? 0) + (usage.inputTokens?.total ?? 0) + (usage.outputTokens?.total ?? 0);
}
